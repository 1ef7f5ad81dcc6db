// @clerk/backend 3.25.0: what an application's server does with the tokens, with a key at hand and with one fetched.
//
// Usage: via_clerk_backend.mjs CREDENTIALS.json
import { createPublicKey } from 'node:crypto';
import { main, published } from '../tap.mjs';
import { base, claims, liveKey, putTemplate, tampered, Visitor } from './instance.mjs';

const { createClerkClient, verifyToken } = published('@clerk/backend');

const PAGE = 'http://127.0.0.1:5173';
const secretKey = 'sk_live_x';

/** What a verification says: the subject, or the reason for which the token is no good. */
const said = (verification) =>
  verification.then(
    ({ sub }) => sub,
    ({ reason }) => reason ?? 'refused',
  );

await main(async (tap, credentials) => {
  const apiUrl = base(credentials);
  await putTemplate(tap, credentials, 'backend', { claims: { aud: 'backend' } });
  await putTemplate(tap, credentials, 'backend-es', { algorithm: 'ES256' });
  await putTemplate(tap, credentials, 'backend-ed', { algorithm: 'EdDSA' });
  const visitor = await new Visitor(credentials, PAGE).signIn('alice');
  const token = await visitor.token();
  const shaped = await visitor.token('backend');
  const { sub, sid, iat, exp } = claims(token);

  const { keys } = await (await fetch(`${apiUrl}/v1/jwks`)).json();
  const { kid } = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
  const jwk = keys.find((key) => key.kid === kid);
  const jwtKey = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });

  const atHand = { jwtKey, authorizedParties: [PAGE] };
  const fetched = { secretKey, apiUrl, skipJwksCache: true, authorizedParties: [PAGE] };
  for (const [how, options] of Object.entries({ 'by a key at hand': atHand, 'by a key fetched': fetched })) {
    tap.equal(`a session token is good ${how}`, await said(verifyToken(token, options)), sub);
    tap.equal(
      `a template's token is good ${how}`,
      await said(verifyToken(shaped, { ...options, audience: 'backend' })),
      sub,
    );
    const elsewhere = { ...options, authorizedParties: ['https://elsewhere.example'] };
    tap.equal(
      `another page's is not ${how}`,
      await said(verifyToken(token, elsewhere)),
      'token-invalid-authorized-parties',
    );
    for (const [what, other] of Object.entries(tampered(token))) {
      const verdict = await said(verifyToken(other, options));
      tap.ok(`one ${what} is not ${how}`, /^token-|^jwk-/.test(verdict), `got ${verdict}`);
    }
    for (const name of ['backend-es', 'backend-ed']) {
      const verdict = await said(verifyToken(await visitor.token(name), options));
      tap.equal(`one of an algorithm it does not know is not ${how} (${name})`, verdict, 'token-invalid-algorithm');
    }
  }

  const publishableKey = liveKey(credentials.listen);
  const clerk = createClerkClient({ secretKey, publishableKey, apiUrl });
  /** What a request with these headers is taken for. */
  const asked = async (headers, options = { authorizedParties: [PAGE] }) => {
    const state = await clerk.authenticateRequest(new Request('http://127.0.0.1:3000/', { headers }), options);
    const { userId, sessionId } = state.toAuth() ?? {};
    return [state.status, userId ?? null, sessionId ?? null, state.reason];
  };
  const bearer = (jwt) => ({ authorization: `Bearer ${jwt}` });
  const cookies = (jwt, uat) => ({ cookie: `__session=${jwt}; __client_uat=${uat}` });
  const signedIn = ['signed-in', sub, sid, null];
  const signedOut = (reason) => ['signed-out', null, null, reason];

  tap.equal('a request with the token in its header', await asked(bearer(token)), signedIn);
  tap.equal('a request with the token in its cookie', await asked(cookies(token, iat)), signedIn);
  tap.equal(
    "one that the client's last change outdates",
    (await asked(cookies(token, iat + 5))).slice(0, 3),
    signedOut().slice(0, 3),
  );
  tap.equal('a request without', await asked({}), signedOut('session-token-and-uat-missing'));
  tap.equal("a template's token is no session", await asked(bearer(shaped)), signedOut('token-type-mismatch'));
  for (const [what, other] of Object.entries(tampered(token))) {
    tap.equal(`a token ${what} is nobody`, (await asked(bearer(other))).slice(0, 3), signedOut().slice(0, 3));
  }
  // The key names the host that must have issued what a cookie holds.
  const stranger = createClerkClient({ secretKey, publishableKey: liveKey('127.0.0.1:1'), apiUrl });
  const state = await stranger.authenticateRequest(
    new Request('http://127.0.0.1:3000/', { headers: cookies(token, iat) }),
  );
  tap.equal("another instance's cookie", state.isAuthenticated, false);

  await visitor.post(`/v1/client/sessions/${visitor.session}/end`, {});
  tap.ok(
    'an ended session gives no token',
    await visitor.token().then(
      () => false,
      ({ message }) => message.includes('401'),
    ),
  );
  const now = Date.now;
  Date.now = () => (exp + 6) * 1000; // past the five seconds that it allows clocks to differ
  tap.equal('and its last one is over after its minute', await said(verifyToken(token, atHand)), 'token-expired');
  tap.equal('for a request, too', (await asked(bearer(token))).slice(0, 3), signedOut().slice(0, 3));
  Date.now = now;
});
