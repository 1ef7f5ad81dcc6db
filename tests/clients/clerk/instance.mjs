// What the Node scripts of this folder share: the instance's keys, its templates, one-time passwords, and a record of
// the requests that a published client really sends.
import { createHmac } from 'node:crypto';

/** A key of the production kind: it names the host, and no development browser is asked for. */
export const liveKey = (host) => `pk_live_${Buffer.from(`${host}$`).toString('base64')}`;
/** The key that the server hands out in development mode. */
export const testKey = ({ listen, clerk }) =>
  clerk?.publishable_key ?? `pk_test_${Buffer.from(`${listen}$`).toString('base64')}`;

export const base = ({ listen }) => `http://${listen}`;

export const account = ({ accounts }, name) => accounts.find(({ username }) => username === name);

/** Calls the admin listener; gives the status. */
async function administer({ admin_listen, admin_token }, method, path, body) {
  const answer = await fetch(`http://${admin_listen}/admin/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${admin_token}` },
    body: JSON.stringify(body),
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** Makes a template, or has it be another. */
export async function putTemplate(tap, credentials, name, template) {
  const defaults = { claims: {}, lifetime_s: 60, allowed_clock_skew_s: 5, algorithm: 'RS256' };
  const status = await administer(credentials, 'PUT', `templates/${name}`, { ...defaults, ...template });
  tap.equal(`the template ${name} is made on the admin listener`, status, 200);
}

export async function createAccount(credentials, account) {
  const status = await administer(credentials, 'POST', 'accounts', account);
  if (status !== 200) throw new Error(`the account was not made: ${status}`);
}

/** Ends all sessions of an account. */
export async function revoke(credentials, username) {
  const status = await administer(credentials, 'POST', `accounts/${username}/revoke`, {});
  if (status !== 200) throw new Error(`the sessions were not revoked: ${status}`);
}

/** The signing keys as the admin listener lists them; `POST` on `/rotate` has others follow them. */
export async function signingKeys({ admin_listen, admin_token }, method = 'GET', rest = '', body) {
  const answer = await fetch(`http://${admin_listen}/admin/v1/signing-keys${rest}`, {
    method,
    headers: { authorization: `Bearer ${admin_token}` },
    body: JSON.stringify(body),
  });
  if (answer.status !== 200) throw new Error(`signing-keys${rest} answered ${answer.status}`);
  return (await answer.json()).keys;
}

/** The payload of a token. Nothing is verified. */
export const claims = (jwt) => JSON.parse(Buffer.from(String(jwt).split('.')[1] ?? '', 'base64url').toString() || '{}');

/** The code of RFC 6238, with its defaults, for the step that is `offset` steps from now. */
export function oneTimePassword(base32, offset) {
  let bits = '';
  for (const digit of base32) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(digit).toString(2).padStart(5, '0');
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + offset));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** A browser without any client library: signs in and asks for tokens by plain requests. */
export class Visitor {
  constructor(credentials, origin) {
    this.credentials = credentials;
    this.headers = origin ? { origin } : {};
  }

  async post(path, body) {
    const answer = await fetch(base(this.credentials) + path, {
      method: 'POST',
      headers: this.headers,
      body: new URLSearchParams(body),
    });
    for (const line of answer.headers.getSetCookie()) this.headers.cookie = line.split(';')[0];
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }

  async signIn(name) {
    const { username, password } = account(this.credentials, name);
    const { response } = await this.post('/v1/client/sign_ins', { identifier: username, password });
    this.session = response.created_session_id;
    return this;
  }

  /** A token of the session, or one by a template. */
  async token(template = '') {
    return (await this.post(`/v1/client/sessions/${this.session}/tokens${template && `/${template}`}`, {})).jwt;
  }
}

/** The same token with one other letter in its payload, in its signature, and without a signature at all. */
export function tampered(jwt) {
  const [header, payload, signature] = jwt.split('.');
  const other = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  const said = claims(jwt);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    'with another subject': [header, encode({ ...said, sub: 'user_999' }), signature].join('.'),
    'with a later end': [header, encode({ ...said, exp: said.exp + 3600 }), signature].join('.'),
    'with another signature': [header, payload, other(signature, 20)].join('.'),
    'without a signature': [encode({ alg: 'none', typ: 'JWT' }), payload, ''].join('.'),
  };
}

/** Fields of the query that many requests carry. */
const COMMON = ['__clerk_api_version', '_clerk_js_version', '_clerk_session_id', '_is_native', '__clerk_db_jwt'];

/** Writes requests down with numbers for ids, in order of appearance, and stars for passwords and codes. */
export class Names {
  known = new Map();

  /** A request in one line, without what is the same in all of them. */
  line(method, url, body) {
    const query = new URLSearchParams(url.search);
    for (const name of COMMON) query.delete(name);
    const path = url.pathname + (query.size ? `?${query}` : '');
    return this.plain([method, path, ...(body ? [String(body)] : [])].join(' '));
  }

  plain(text) {
    return text
      .replace(/(sess|sia)_[A-Za-z0-9_-]+/g, (id, kind) => {
        if (!this.known.has(id)) this.known.set(id, `${kind}_${this.known.size + 1}`);
        return this.known.get(id);
      })
      .replace(/(password|code)=(?=[^&])[^&]*/g, (text, name) =>
        ['password=password', 'code=code'].includes(text) ? text : `${name}=*`,
      );
  }
}

/**
 * Stands between a client and the network: keeps cookies as a browser would, and writes down each request as
 * `METHOD path?query body` without what is the same in all of them. `sent` holds those since it was last taken.
 */
export class Wire {
  jar = new Map();
  total = 0;
  /** Requests that lacked what the contract says each one carries. */
  odd = [];
  names = new Names();
  #sent = [];

  /** Of requests to `host`. `wanted(url, headers)` says whether one has what each one must have. */
  constructor(host, wanted, cookies) {
    this.host = host;
    this.wanted = wanted;
    this.cookies = cookies;
    this.network = globalThis.fetch;
    globalThis.fetch = (url, options) => this.fetch(new URL(url), options);
  }

  async fetch(url, options = {}, recorded = true) {
    if (url.host !== this.host) return this.network(url, options);
    const headers = new Headers(options.headers);
    if (this.jar.size) headers.set('cookie', [...this.jar].map((pair) => pair.join('=')).join('; '));
    if (recorded) this.#record(url, options, headers);
    const answer = await this.network(url, { ...options, headers });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split('=');
      if (!this.cookies || name !== '__client') this.odd.push(`the cookie ${name} was set`);
      else if (line.includes('Max-Age=0')) this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return answer;
  }

  #record(url, { method = 'GET', body }, headers) {
    if (!this.wanted(url, headers)) this.odd.push(`${method} ${url.pathname}`);
    this.total += 1;
    this.#sent.push(this.names.line(method, url, body));
  }

  /** What was sent since the last look; requests that left together are sorted. */
  take() {
    return this.#sent.splice(0).sort();
  }
}
