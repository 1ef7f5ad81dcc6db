// A browser's life as @clerk/clerk-js lives it outside a browser, with the requests of each step as the contract
// records them. Written once for each way in which a client can show who it is; see the scripts.
import { published } from '../tap.mjs';
import { account, base, claims, oneTimePassword, putTemplate, revoke, Wire } from './instance.mjs';

const { Clerk } = published('@clerk/clerk-js');
const { isClerkAPIResponseError } = published('@clerk/shared/error');

const LOAD = ['GET /v1/client', 'GET /v1/environment'];
const SIGN_INS = 'POST /v1/client/sign_ins';

/** Loads a page's client. The published one is a single one per page: those that were loaded before are dead. */
async function load(credentials, { key, prepare = () => {} }) {
  const clerk = new Clerk(key, { proxyUrl: base(credentials) });
  prepare(clerk);
  await clerk.load({ standardBrowser: false, telemetry: false });
  return clerk;
}

/** The outcome of a promise; errors of the published class as [status, code, field]. */
const outcome = (promise) =>
  promise.catch((error) => {
    if (!isClerkAPIResponseError(error)) return `${error.name}: ${error.message}`;
    const [{ code, meta }] = error.errors;
    return [error.status, code, ...(meta?.paramName ? [meta.paramName] : [])];
  });

/** `wanted(url, headers)` says whether a request has what each one must have to show who sends it. */
export async function outline(tap, credentials, way) {
  await putTemplate(tap, credentials, 'hasura', { claims: { role: 'user', name: '{{user.username}}' } });
  const wire = new Wire(credentials.listen, way.wanted, way.cookies);
  const [alice, bob, otto] = ['alice', 'bob', 'otto'].map((name) => account(credentials, name));
  const requests = (name, ...wanted) => tap.equal(`${name}: the requests are the recorded ones`, wire.take(), wanted);
  const session = (id, call, body) =>
    wire.names.plain(`POST /v1/client/sessions/${id}/${call}${body ? ` ${body}` : ''}`);

  // The recorded trace, step for step.
  let clerk = await load(credentials, way);
  requests('load', ...LOAD);
  tap.equal('nobody is signed in at first', [clerk.user, clerk.session, clerk.client.sessions], [null, null, []]);

  const signIn = await clerk.client.signIn.create({
    strategy: 'password',
    identifier: alice.username,
    password: alice.password,
  });
  requests('signIn.create', `${SIGN_INS} strategy=password&identifier=alice&password=*`);
  tap.equal('signIn.create completes the sign-in', signIn.status, 'complete');
  const aliceId = signIn.createdSessionId;
  tap.ok('and names the session', /^sess_/.test(aliceId), `got ${aliceId}`);

  await clerk.setActive({ session: aliceId });
  requests('setActive', session(aliceId, 'touch', 'active_organization_id=&intent=select_session'));
  tap.equal(
    'setActive',
    [clerk.session?.id, clerk.session?.status, clerk.user?.username],
    [aliceId, 'active', 'alice'],
  );
  tap.equal("the client's last active session is it", clerk.client.lastActiveSessionId, aliceId);

  const token = await clerk.session.getToken();
  requests('getToken');
  const { iss, sub, sid, iat, exp, sts, v } = claims(token);
  tap.equal(
    'getToken gives the token that came with the session',
    { iss, sub, sid, sts, v, lifetime: exp - iat },
    { iss: base(credentials), sub: clerk.user.id, sid: aliceId, sts: 'active', v: 2, lifetime: 60 },
  );

  const again = await clerk.session.getToken({ skipCache: true });
  requests('getToken without its cache', session(aliceId, 'tokens?debug=skip_cache', 'organization_id='));
  tap.equal('getToken without its cache gives a token of the session', claims(again).sid, aliceId);

  const shaped = await outcome(clerk.session.getToken({ template: 'hasura' }));
  requests('getToken by a template', session(aliceId, 'tokens/hasura'));
  const { role, name, ...rest } = claims(shaped);
  tap.equal(
    'getToken by a template has its claims and no session',
    [role, name, rest.sub, rest.sid],
    ['user', 'alice', clerk.user.id, undefined],
  );
  tap.equal('a second one is the same', await outcome(clerk.session.getToken({ template: 'hasura' })), shaped);
  requests('getToken by a template, out of the cache');

  const before = clerk.session.lastActiveAt;
  await clerk.session.touch();
  requests('session.touch', session(aliceId, 'touch', 'active_organization_id='));
  tap.ok('session.touch moves the last activity', clerk.session.lastActiveAt >= before);

  tap.equal('session.reload', (await clerk.session.reload()).status, 'active');
  requests('session.reload', 'GET /v1/client/sessions/sess_1');

  clerk = await load(credentials, way);
  requests('the page loaded again', ...LOAD);
  tap.equal('the page loaded again knows the session', [clerk.session?.id, clerk.user?.username], [aliceId, 'alice']);

  await clerk.user.reload();
  requests('user.reload', 'GET /v1/me');
  const sessions = await clerk.user.getSessions();
  requests('user.getSessions', 'GET /v1/me/sessions/active');
  tap.equal(
    'user.getSessions lists it',
    sessions.map(({ id, status }) => [id, status]),
    [[aliceId, 'active']],
  );

  // A second account in the same client, in two steps.
  const waiting = await clerk.client.signIn.create({ identifier: bob.username });
  requests('an identifier alone', `${SIGN_INS} identifier=bob`);
  tap.equal('an identifier alone waits for the password', waiting.status, 'needs_first_factor');
  tap.equal(
    'and offers the password',
    waiting.supportedFirstFactors.map(({ strategy }) => strategy),
    ['password'],
  );
  const attempted = await waiting.attemptFirstFactor({ strategy: 'password', password: bob.password });
  requests('attemptFirstFactor', `${SIGN_INS}/sia_2/attempt_first_factor strategy=password&password=*`);
  tap.equal('attemptFirstFactor completes the sign-in', attempted.status, 'complete');
  const bobId = attempted.createdSessionId;
  await clerk.setActive({ session: bobId });
  requests('setActive of the second account', session(bobId, 'touch', 'active_organization_id=&intent=select_session'));
  tap.equal('the second account is the active one', [clerk.session.id, clerk.user.username], [bobId, 'bob']);
  tap.equal('both are signed in', clerk.client.signedInSessions.map(({ user }) => user.username).sort(), [
    'alice',
    'bob',
  ]);
  tap.equal(
    'the first account cannot sign in twice',
    await outcome(clerk.client.signIn.create({ identifier: alice.username, password: alice.password })),
    [400, 'identifier_already_signed_in'],
  );
  await clerk.setActive({ session: aliceId });
  tap.equal('back to the first account', [clerk.session.id, clerk.user.username], [aliceId, 'alice']);
  wire.take();

  // What is refused, as the published error class.
  const refused = async (name, promise, ...wanted) => tap.equal(name, await outcome(promise), wanted);
  const wrong = (identifier) => clerk.client.signIn.create({ identifier, password: 'not the password' });
  await refused('a wrong password', wrong('root'), 422, 'form_password_incorrect', 'password');
  await refused('an unknown identifier', wrong('nobody-of-this-name'), 422, 'form_password_incorrect', 'password');
  await refused('an unknown template', clerk.session.getToken({ template: 'none' }), 404, 'resource_not_found');
  await refused(
    'an unknown organization',
    clerk.session.getToken({ organizationId: 'org_none' }),
    404,
    'organization_not_found_or_unauthorized',
  );
  wire.take();

  // A second factor, in the one script that may spend the step.
  if (way.secondFactor) {
    const half = await clerk.client.signIn.create({ identifier: otto.username, password: otto.password });
    tap.equal('a password alone waits for the second factor', half.status, 'needs_second_factor');
    tap.equal(
      'and offers the one-time password',
      half.supportedSecondFactors.map(({ strategy }) => strategy),
      ['totp'],
    );
    tap.equal('no session is named yet', half.createdSessionId, null);
    const codes = [-2, -1, 0, 1, 2].map((offset) => oneTimePassword(otto.totp_secret, offset));
    const other = ['000000', '000001', '000002', '000003', '000004', '000005'].find((code) => !codes.includes(code));
    const attempt = (code) => clerk.client.signIn.attemptSecondFactor({ strategy: 'totp', code });
    await refused('a wrong code', attempt(other), 422, 'form_code_incorrect', 'code');
    // The last step's code: this one's is left to another script, and a step counts once. Should the step have
    // turned in between, the code has expired and the next one is the last step's.
    const code = () => oneTimePassword(otto.totp_secret, -1);
    const first = code();
    let whole = await outcome(attempt(first));
    if (Array.isArray(whole) && code() !== first) {
      wire.total -= 1;
      whole = await outcome(attempt(code()));
    }
    tap.equal('the right code completes the sign-in', whole.status, 'complete');
    wire.take();
    await clerk.setActive({ session: whole.createdSessionId });
    tap.equal('and the session has both factors', clerk.session.factorVerificationAge, [0, 0]);
    await clerk.session.remove();
    await clerk.setActive({ session: aliceId });
    wire.take();
  }

  // Ends.
  const ending = clerk.client.sessions.find(({ id }) => id === aliceId);
  tap.equal('session.end', (await ending.end()).status, 'ended');
  requests('session.end', session(aliceId, 'end'));
  tap.equal('an ended session is nobody', clerk.session?.id ?? null, null);
  await refused('an ended session gives no token', ending.getToken({ skipCache: true }), 401, 'authentication_invalid');
  wire.take();
  tap.equal('session.remove', (await ending.remove()).status, 'removed');
  requests('session.remove', session(aliceId, 'remove'));
  tap.equal(
    'a removed session leaves the client',
    clerk.client.sessions.map(({ id }) => id),
    [bobId],
  );

  // A page that missed the end of its session, here by a request past it, is told so and signs itself out.
  await clerk.setActive({ session: bobId });
  const path = `/v1/client/sessions/${bobId}/end?${way.query ?? ''}`;
  const url = new URL(base(credentials) + path);
  const ended = await wire.fetch(url, { method: 'POST', headers: way.headers?.() }, false);
  tap.equal('a session ends without the page', ended.status, 200);
  tap.equal('which believes in it', clerk.session?.id, bobId);
  wire.take();
  await refused('it gets no token', clerk.session.getToken({ skipCache: true }), 401, 'authentication_invalid');
  requests('it asks for its client', 'GET /v1/client', session(bobId, 'tokens?debug=skip_cache', 'organization_id='));
  tap.equal('and signs itself out', clerk.session ?? null, null);

  // Administration ends all sessions of an account, and the page learns of it as it asks for a token.
  const agent = account(credentials, 'agent2');
  const granted = await clerk.client.signIn.create({ identifier: agent.username, password: agent.password });
  await clerk.setActive({ session: granted.createdSessionId });
  await revoke(credentials, agent.username);
  wire.take();
  await refused('a revoked session gives no token', clerk.session.getToken({ skipCache: true }), 401, 'signed_out');
  requests(
    'a page whose session was revoked',
    'GET /v1/client',
    session(granted.createdSessionId, 'tokens?debug=skip_cache', 'organization_id='),
  );
  tap.equal('is signed out', [clerk.session ?? null, clerk.client.signedInSessions], [null, []]);

  // Signing out of everything.
  const last = await clerk.client.signIn.create({ identifier: alice.username, password: alice.password });
  await clerk.setActive({ session: last.createdSessionId });
  wire.take();
  // Afterwards it wants to go to another page, and there is none.
  await clerk.signOut().catch((error) => tap.equal('signOut', error.message, 'window is not defined'));
  requests('signOut', 'POST /v1/client/sessions?_method=DELETE');
  clerk = await load(credentials, way);
  tap.equal('after signOut nobody is signed in', [clerk.user, clerk.client.sessions], [null, []]);
  wire.take();
  await clerk.client.destroy();
  requests('client.destroy', 'POST /v1/client?_method=DELETE');

  tap.equal('no cookie is left', [...wire.jar], []);

  tap.equal('each request showed who sent it in the one way, and got no other cookie', wire.odd, []);
  tap.equal('there were as many requests as recorded', wire.total, way.total);
}
