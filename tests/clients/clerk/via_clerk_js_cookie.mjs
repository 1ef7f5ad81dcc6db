// @clerk/clerk-js 6.40.0 with a key of the production kind: the client is the cookie `__client`, nothing else.
//
// Usage: via_clerk_js_cookie.mjs CREDENTIALS.json
import { main } from '../tap.mjs';
import { liveKey } from './instance.mjs';
import { outline } from './outline.mjs';

await main((tap, credentials) =>
  outline(tap, credentials, {
    key: liveKey(credentials.listen),
    wanted: (url, headers) => !url.searchParams.has('_is_native') && !headers.has('authorization'),
    cookies: true,
    secondFactor: true,
    total: 43,
  }),
);
process.exit(); // the client's timers would keep this process
