// @clerk/clerk-js 6.40.0 with the key of development mode. Outside a browser it asks for no development browser.
//
// Usage: via_clerk_js_dev.mjs CREDENTIALS.json
import { main } from '../tap.mjs';
import { testKey } from './instance.mjs';
import { outline } from './outline.mjs';

await main((tap, credentials) =>
  outline(tap, credentials, {
    key: testKey(credentials),
    wanted: (url, headers) => !headers.has('authorization'),
    cookies: true,
    total: 37,
  }),
);
process.exit(); // the client's timers would keep this process
