// @clerk/clerk-js 6.40.0 as a phone uses it: no cookies, the client's token goes to and fro in `Authorization`.
//
// Usage: via_clerk_js_native.mjs CREDENTIALS.json
import { main } from '../tap.mjs';
import { liveKey } from './instance.mjs';
import { outline } from './outline.mjs';

let token = '';
let handedOut = 0;

function prepare(clerk) {
  clerk.__internal_onBeforeRequest((request) => {
    request.credentials = 'omit';
    request.url.searchParams.append('_is_native', '1');
    request.headers.set('authorization', token);
  });
  clerk.__internal_onAfterResponse((_, response) => {
    const next = response.headers.get('authorization');
    if (next) [token, handedOut] = [next, handedOut + 1];
  });
}

await main(async (tap, credentials) => {
  await outline(tap, credentials, {
    key: liveKey(credentials.listen),
    prepare,
    wanted: (url, headers) => url.searchParams.get('_is_native') === '1' && headers.get('authorization') !== null,
    cookies: false,
    query: '_is_native=1',
    headers: () => ({ authorization: token }),
    total: 37,
  });
  tap.ok('the token was handed out in the header', handedOut > 0);
});
process.exit(); // the client's timers would keep this process
