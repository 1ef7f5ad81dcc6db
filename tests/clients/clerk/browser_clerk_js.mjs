// @clerk/clerk-js 6.40.0 in headless Chromium, where CORS, cookies and SameSite are the browser's own.
//
// Usage: browser_clerk_js.mjs CREDENTIALS.json    (CHROMIUM and CLIENTS_BINARY name the programs)
// The page is served from a port of its own. It is driven against the server in development mode with its key, and
// against one that this script starts without, which knows the page's origin by its configuration.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { main, published } from '../tap.mjs';
import { account, base, claims, createAccount, liveKey, Names, putTemplate, testKey } from './instance.mjs';

const { chromium } = published('playwright-core');
const dist = dirname(published.resolve('@clerk/clerk-js'));

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const SIGN_INS = 'POST /v1/client/sign_ins';
const LOAD = ['GET /v1/client', 'GET /v1/environment'];
const LOAD_IN_DEVELOPMENT = ['GET /v1/client', 'POST /v1/environment?_method=PATCH'];

const marks = (key, proxyUrl) => `data-clerk-publishable-key="${key}" data-clerk-proxy-url="${proxyUrl}"`;
const page = (attributes) =>
  `<!doctype html><title>app</title><link rel="icon" href="data:,">
<script src="/clerk.browser.js" ${attributes}></script>`;

/** An application: one page with one script tag, and the published files. Gives its origin. */
async function application(attributes) {
  const server = createServer((request, response) => {
    const name = basename(new URL(request.url, 'http://app').pathname);
    try {
      const isScript = name.endsWith('.js');
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? readFileSync(join(dist, name)) : page(attributes));
    } catch {
      response.writeHead(404).end();
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** A server without development mode, whose configuration lists one origin; with one account, carol. */
async function configured(origin, use) {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-browser-'));
  const admin_token = 'the-token-of-an-admin-listener-in-a-test';
  const carol = { username: 'carol', password: 'correct-horse-of-this-run-7' };
  const [config, token, key] = ['sessile.toml', 'token', 'sealing-key'].map((name) => join(folder, name));
  writeFileSync(token, admin_token, { mode: 0o600 });
  writeFileSync(
    config,
    `[clerk]\nallowed_origins = ["${origin}"]\n[[admin.tokens]]\nrole = "own"\nfile = "${token}"\n`,
  );
  execFileSync(process.env.CLIENTS_BINARY, ['keys', 'new-sealing-key', key]);
  const places = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--data-dir', join(folder, 'data')];
  const options = ['serve', '--config', config, '--sealing-key-file', key, ...places];
  const server = spawn(process.env.CLIENTS_BINARY, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const over = once(server, 'exit');
  try {
    const lines = createInterface({ input: server.stdout });
    const started = once(lines, 'line', { signal: AbortSignal.timeout(30_000) });
    const refused = over.then(([code]) => {
      throw new Error(`the server ended before it was ready, with ${code}`);
    });
    refused.catch(() => {}); // once it was ready, its end is what is wanted
    const [ready] = await Promise.race([started, refused]);
    const [, listen, admin_listen] = /listen=(\S+) admin=(\S+)/.exec(ready);
    const production = { listen, admin_listen, admin_token, accounts: [carol] };
    await createAccount(production, { ...carol, client_type: 'website' });
    await use(production);
  } finally {
    server.kill('SIGTERM');
    await over;
    rmSync(folder, { recursive: true });
  }
}

/** Writes down what a page asks of the server, as ./instance.mjs does. */
class Log {
  sent = [];
  /** Requests without what each one must have. */
  odd = [];
  names = new Names();

  constructor(page, host, wanted) {
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.host !== host || request.method() === 'OPTIONS') return;
      if (!wanted(url)) this.odd.push(`${request.method()} ${url.pathname}`);
      this.sent.push(this.names.line(request.method(), url, request.postData()));
    });
  }

  take() {
    return this.sent.splice(0).sort();
  }
}

/** A sitting at the page. `way` has the browser, the page's origin, what is sent first, and what each request has. */
async function sitting(tap, title, credentials, user, way) {
  const context = await way.browser.newContext({ locale: 'en-US', timezoneId: 'UTC' });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('response', (answer) => answer.ok() || complaints.push(`${answer.status()} ${answer.url()}`));
  const log = new Log(page, credentials.listen, way.wanted);
  const equal = (name, got, wanted) => tap.equal(`${title}: ${name}`, got, wanted);
  const requests = (name, ...wanted) => equal(`${name}: the requests are the recorded ones`, log.take(), wanted.sort());
  const session = (call, body) => `POST /v1/client/sessions/sess_1/${call}${body ? ` ${body}` : ''}`;
  // Whatever ends a session empties the client's cache first. Should its timer or the focus want a token before the
  // answer is there, it asks for one, and is too late: that is no request of the step.
  const lastOnes = (name, wanted) => {
    const late = session('tokens', 'organization_id=&tab_state=focused');
    const sent = log.take().filter((line) => line !== late);
    equal(`${name}: the requests are the recorded ones`, sent, [wanted]);
  };
  const load = () => page.evaluate(() => window.Clerk.load({ telemetry: false }));
  const named = () => page.evaluate(() => [window.Clerk.session?.id ?? null, window.Clerk.user?.username ?? null]);
  const signIn = async () => {
    const id = await page.evaluate(async ({ username: identifier, password }) => {
      const strategy = 'password';
      const { createdSessionId } = await window.Clerk.client.signIn.create({ strategy, identifier, password });
      return createdSessionId;
    }, user);
    return id;
  };
  const setActive = (id) => page.evaluate((session) => window.Clerk.setActive({ session }), id);

  await page.goto(way.origin);
  await load();
  requests('load', ...way.first);
  equal('nobody is signed in at first', await named(), [null, null]);

  const id = await signIn();
  const fields = `strategy=password&identifier=${user.username}&password=*&locale=en-US&timezone=UTC`;
  requests('signIn.create', `${SIGN_INS} ${fields}`);
  await setActive(id);
  requests('setActive', session('touch', 'active_organization_id=&intent=select_session'));
  equal('setActive', await named(), [id, user.username]);

  const token = (options) => page.evaluate((options) => window.Clerk.session.getToken(options), options);
  const { sid, azp, iss, sub } = claims(await token());
  equal("the token is the session's and names the page", [sid, azp, iss], [id, way.origin, base(credentials)]);
  requests('getToken');
  equal('a token without the cache', claims(await token({ skipCache: true })).sub, sub);
  requests('a token without the cache', session('tokens?debug=skip_cache', 'organization_id=&tab_state=focused'));
  const { role } = claims(await token({ template: 'browser' }));
  equal("a template's token", role, 'user');
  requests("a template's token", session('tokens/browser'));

  await page.evaluate(() => window.Clerk.session.touch());
  requests('session.touch', session('touch', 'active_organization_id='));
  const touched = page.waitForResponse((answer) => answer.url().includes('/touch'));
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  equal('the focus touches the session', (await touched).status(), 200);
  requests('focus', session('touch', 'active_organization_id=&intent=focus'));
  await page.evaluate(() => window.Clerk.session.reload());
  requests('session.reload', 'GET /v1/client/sessions/sess_1');

  await page.reload();
  await load();
  requests('the page loaded again', ...way.again);
  equal('the cookie alone is enough', await named(), [id, user.username]);
  const kept = await context.cookies(base(credentials));
  const { httpOnly, sameSite, secure, path } = kept.find(({ name }) => name === '__client');
  equal('the cookie is out of scripts’ reach', [httpOnly, sameSite, secure, path], [true, 'Lax', false, '/']);

  // In a browser with the same cookie whose clock runs ahead, to where its token is to be replaced.
  const ahead = await way.browser.newContext({ storageState: await context.storageState() });
  const early = await ahead.newPage();
  await early.clock.install();
  await early.goto(way.origin);
  await early.evaluate(() => window.Clerk.load({ telemetry: false }));
  const refreshed = early.waitForResponse((answer) => answer.url().includes('/tokens'));
  await early.clock.runFor(50_000);
  equal('the token is replaced before its end', (await refreshed).status(), 200);
  await ahead.close();

  const ended = await page.evaluate(async () => (await window.Clerk.session.end()).status);
  equal('session.end', [ended, ...(await named())], ['ended', null, null]);
  lastOnes('session.end', session('end'));
  const removed = await page.evaluate(async () => (await window.Clerk.client.sessions[0].remove()).status);
  equal('session.remove', removed, 'removed');
  lastOnes('session.remove', session('remove'));

  await setActive(await signIn());
  log.take();
  const left = page.waitForEvent('framenavigated');
  // The page is left in the middle of it.
  await page.evaluate(() => window.Clerk.signOut()).catch(() => {});
  await left;
  await page.waitForLoadState();
  lastOnes('signOut', 'POST /v1/client/sessions?_method=DELETE');
  await load();
  equal('after signOut nobody is signed in', await named(), [null, null]);

  equal('each request had what each one has', log.odd, []);
  const isLate = (complaint) => /^401 .*\/sessions\/[^/]*\/tokens\?/.test(complaint);
  equal(
    'the page had nothing to complain of',
    complaints.filter((complaint) => !isLate(complaint)),
    [],
  );
  await context.close();
}

/** A browser with a development browser's name that this server never gave out, as after a new start. */
async function outdated(tap, credentials, browser, origin) {
  const context = await browser.newContext();
  await context.addCookies([{ name: '__clerk_db_jwt', value: 'dvb_of_another_run', url: origin }]);
  const page = await context.newPage();
  const log = new Log(page, credentials.listen, () => true);
  const refused = page.waitForResponse((answer) => answer.status() === 401);
  await page.goto(origin);
  await page.evaluate(() => window.Clerk.load({ telemetry: false }));
  const { errors } = await (await refused).json();
  tap.equal('a development browser that is not known is refused', errors[0].code, 'dev_browser_unauthenticated');
  tap.ok('and replaced by a new one', log.take().includes('POST /v1/dev_browser'));
  const cookies = await context.cookies(origin);
  const { value } = cookies.find(({ name }) => name === '__clerk_db_jwt') ?? {};
  tap.ok('which the page keeps', value?.startsWith('dvb_') && value !== 'dvb_of_another_run', `got ${value}`);
  await context.close();
}

/** What a page of an origin that is not listed comes to. */
async function stranger(tap, credentials, browser, origin) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(origin);
  const url = `${base(credentials)}/v1/client`;
  const read = (options) =>
    page.evaluate(
      ([url, options]) =>
        fetch(url, { credentials: 'include', ...options }).then(
          ({ status }) => status,
          ({ name }) => name,
        ),
      [url, options],
    );
  tap.equal('a page that is not listed reads nothing', await read({}), 'TypeError');
  tap.equal('nor the answer to what it sends', await read({ method: 'POST', body: 'a=b' }), 'TypeError');
  // Without CORS it may send; with the cookie that the first request left, it is refused.
  const blind = page.waitForResponse((answer) => answer.url().includes('/sessions'));
  await page.evaluate(
    (url) =>
      fetch(`${url}/sessions?_method=DELETE`, { method: 'POST', credentials: 'include', mode: 'no-cors' }).then(
        () => null,
      ),
    url,
  );
  tap.equal('nor does it change anything blindly', (await blind).status(), 403);
  const kept = page.waitForEvent('requestfailed', (request) => request.url().startsWith(`${url}?`));
  await page.evaluate(() => {
    window.Clerk.load({ telemetry: false }).catch(() => {}); // it would try again for a while
  });
  tap.ok('the published client is not let in', (await kept).failure() !== null);
  await context.close();
}

await main(async (tap, credentials) => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, headless: true, args: FLAGS });
  const apps = [];
  const open = async (key, proxyUrl) => {
    const app = await application(marks(key, proxyUrl));
    apps.push(app);
    return app.origin;
  };
  try {
    await putTemplate(tap, credentials, 'browser', { claims: { role: 'user' } });
    const alice = account(credentials, 'alice');
    await sitting(tap, 'development', credentials, alice, {
      browser,
      origin: await open(testKey(credentials), base(credentials)),
      first: LOAD_IN_DEVELOPMENT,
      again: LOAD_IN_DEVELOPMENT,
      wanted: ({ searchParams }) => !searchParams.has('__clerk_db_jwt'),
    });
    // The published client asks for a development browser if the key names a host under this domain, wherever the
    // calls go.
    const named = `pk_test_${Buffer.from('sessile.clerk.accounts.dev$').toString('base64')}`;
    const isNamed = ({ searchParams }) => searchParams.get('__clerk_db_jwt')?.startsWith('dvb_');
    const origin = await open(named, base(credentials));
    await sitting(tap, 'development browser', credentials, alice, {
      browser,
      origin,
      first: ['POST /v1/dev_browser', ...LOAD_IN_DEVELOPMENT],
      again: LOAD_IN_DEVELOPMENT,
      wanted: (url) => url.pathname === '/v1/dev_browser' || isNamed(url),
    });
    await outdated(tap, credentials, browser, origin);

    // The port of the page is known before the server's, and the page is written when both are.
    let attributes = '';
    const listed = await application({ toString: () => attributes });
    const other = await application({ toString: () => attributes });
    apps.push(listed, other);
    await configured(listed.origin, async (production) => {
      attributes = marks(liveKey(production.listen), base(production));
      await putTemplate(tap, production, 'browser', { claims: { role: 'user' } });
      await sitting(tap, 'production', production, production.accounts[0], {
        browser,
        origin: listed.origin,
        first: LOAD,
        again: LOAD,
        wanted: ({ searchParams }) => !searchParams.has('__clerk_db_jwt'),
      });
      await stranger(tap, production, browser, other.origin);
    });
  } finally {
    await browser.close();
    for (const app of apps) app.close();
  }
});
process.exit();
