// jose 6.2.18: a verifier that knows nothing of the contract but where the keys are.
//
// Usage: via_jose.mjs CREDENTIALS.json
import { main, published } from '../tap.mjs';
import { base, claims, putTemplate, tampered, Visitor } from './instance.mjs';

const { createRemoteJWKSet, jwtVerify } = published('jose');

await main(async (tap, credentials) => {
  const issuer = base(credentials);
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  const verdict = (jwt, options) =>
    jwtVerify(jwt, keys, { issuer, ...options }).then(
      ({ protectedHeader: { alg }, payload: { sub } }) => [alg, sub],
      ({ code }) => code,
    );
  const visitor = await new Visitor(credentials).signIn('bob');
  const tokens = { RS256: await visitor.token() };
  for (const algorithm of ['RS256', 'ES256', 'EdDSA']) {
    const name = `jose-${algorithm}`;
    await putTemplate(tap, credentials, name, { algorithm, claims: { aud: 'jose', role: '{{user.username}}' } });
    tokens[name] = await visitor.token(name);
  }
  for (const [name, token] of Object.entries(tokens)) {
    const { sub, exp, nbf } = claims(token);
    const algorithm = name.replace('jose-', '');
    const what = name === 'RS256' ? 'the session token' : `the template's token by ${algorithm}`;
    tap.equal(`${what} is good`, await verdict(token), [algorithm, sub]);
    tap.equal(
      `${what} is another issuer's`,
      await verdict(token, { issuer: 'http://127.0.0.1:1' }),
      'ERR_JWT_CLAIM_VALIDATION_FAILED',
    );
    tap.equal(
      `${what} is over at its end`,
      await verdict(token, { currentDate: new Date(exp * 1000) }),
      'ERR_JWT_EXPIRED',
    );
    tap.equal(
      `${what} is not before its time`,
      await verdict(token, { currentDate: new Date((nbf - 1) * 1000) }),
      'ERR_JWT_CLAIM_VALIDATION_FAILED',
    );
    for (const [how, other] of Object.entries(tampered(token))) {
      const code = await verdict(other);
      tap.ok(
        `${what} ${how} is not`,
        /^ERR_JW[ST]_SIGNATURE_VERIFICATION_FAILED$|^ERR_JOSE_|^ERR_JWKS_NO_MATCHING_KEY$/.test(code),
        `got ${code}`,
      );
    }
    if (name !== 'RS256') {
      const { role, aud } = claims(token);
      tap.equal(`${what} has the template's claims`, [role, aud], ['bob', 'jose']);
      tap.equal(`${what} is for its audience`, await verdict(token, { audience: 'jose' }), [algorithm, sub]);
    }
  }
});
