// What an xData caller does in one sitting, written once for every Node JSON-RPC client; outline.py says the same.
//
// A client is a class `Client(credentials, headers)` with
//   call(method, params)  the result, or `refused(code)` with the error's code (or the HTTP status)
//   notify(method, params)  sends a notification, rejects if anything at all comes back
//   batch(calls)  calls are { method, params, quiet }; an array of results and `refused(code)`
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const [OPEN, VERIFY, CLOSE] = ['session.open_session', 'session.verify_session_token', 'session.close_session'];

export const PATH = '/api/v2/session/jsonrpc';
export const refused = (code) => ({ refused: code });

const attempt = (promise) => promise.catch((error) => `${error.name}: ${error.message}`);
const pairHeaders = (pair) => ({ APIKey: pair.api_key, Secret: pair.secret });
const isGrant = (granted, seconds) => {
  const access_token = granted?.access_token;
  return UUID4.test(access_token) && isDeepStrictEqual(granted, { access_token, expires_in: seconds });
};

export async function outline(tap, credentials, Client) {
  const [pair, otherPair] = credentials.xdata.keys;
  const client = new Client(credentials, pairHeaders(pair));
  const other = new Client(credentials, pairHeaders(otherPair));

  const openFor = async (name, seconds, params) => {
    const granted = await attempt(client.call(OPEN, params));
    tap.ok(name, isGrant(granted, seconds), `got ${JSON.stringify(granted)}`);
    return granted?.access_token ?? 'none';
  };
  const equal = async (name, wanted, promise) => tap.equal(name, await attempt(promise), wanted);
  const verify = (who, token) => who.call(VERIFY, { token });

  const token = await openFor('open by name for 60 s grants a version 4 UUID', 60, { expires_in: 60 });
  await equal('verify by name', { active: true }, verify(client, token));
  await equal('verify by position', { active: true }, client.call(VERIFY, [token]));
  const second = await openFor('open by position', 60, [60]);
  await openFor('open with empty params grants 30 days', 2592000, {});
  await openFor('open with null grants 30 days', 2592000, { expires_in: null });

  await equal('another key pair sees no session', { active: false }, verify(other, token));
  await equal("another key pair's close says true", true, other.call(CLOSE, { token }));
  await equal('and has no effect', { active: true }, verify(client, token));
  const byToken = new Client(credentials, { 'Xdata-Session-Token': second });
  await equal('a session token does instead of the pair', { active: true }, verify(byToken, token));

  await equal('close', true, client.call(CLOSE, { token }));
  await equal('a closed session is not active', { active: false }, verify(client, token));
  await equal('closing it again says true', true, client.call(CLOSE, { token }));

  await equal('expires_in must be a number', refused(-32602), client.call(OPEN, { expires_in: 'abc' }));
  await equal('verify needs a token', refused(-32602), client.call(VERIFY, {}));
  await equal('a method that is not there is refused', refused(-32601), client.call('session.no_such_method', {}));

  await equal('a notification is answered with nothing', undefined, client.notify(CLOSE, { token: second }));
  await equal('and is carried out', { active: false }, verify(client, second));
  await equal("a closed session's token lets nobody in", refused(401), verify(byToken, second));

  const third = await openFor('a session to be closed in a batch', 60, { expires_in: 60 });
  const answers = await attempt(
    client.batch([
      { method: OPEN, params: { expires_in: 60 } },
      { method: CLOSE, params: { token: third }, quiet: true },
      { method: 'session.no_such_method', params: {} },
    ]),
  );
  const right =
    answers.length === 2 &&
    answers.some((answer) => isGrant(answer, 60)) &&
    answers.some((answer) => isDeepStrictEqual(answer, refused(-32601)));
  const why = `got ${JSON.stringify(answers)}`;
  tap.ok('a batch of open, a notification and an unknown method has two answers', right, why);
  await equal('the notification in the batch is carried out', { active: false }, verify(client, third));

  const stranger = new Client(credentials, pairHeaders({ ...pair, secret: 'not-the-secret' }));
  await equal('a wrong Secret is refused', refused(401), verify(stranger, third));

  const askedAt = performance.now();
  const short = await openFor('a session of 1 s', 1, { expires_in: 1 });
  let answer = { active: true };
  let livedMs = 0;
  while (answer?.active === true && livedMs < 15_000) {
    await sleep(50);
    answer = await attempt(verify(client, short));
    livedMs = performance.now() - askedAt;
  }
  const ended = isDeepStrictEqual(answer, { active: false }) && livedMs > 990;
  tap.ok('ends after its second, not before', ended, `${JSON.stringify(answer)} after ${livedMs.toFixed()} ms`);
}
