// openapi-fetch with types that openapi-typescript makes from the served document: one program, checked by the
// compiler against those types, then run.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { main, published } from '../tap.mjs';

const typescript = published('typescript');
const openapiTypescript = published('openapi-typescript');

/** The program, in TypeScript: what a user of these packages would write. */
const PROGRAM = `
import createClient from 'openapi-fetch';
import type { components, paths } from './types.js';

type User = components['schemas']['SessionUser'];

export async function visit(baseUrl: string, key: string, userName: string, password: string) {
  const client = createClient<paths>({ baseUrl, headers: { 'PRIVATE-TOKEN': key } });
  const before = await client.GET('/v3/session/user');
  const wrong = await client.POST('/v3/session/login', { body: { userName, password: password + 'x' } });
  const login = await client.POST('/v3/session/login', { body: { userName, password, rememberMe: 1 } });
  const asked: boolean | undefined = login.data?.requiresOtp;
  const otp = await client.POST('/v3/session/login/otp', { body: { otp: '123456' } });
  const shown = await client.GET('/v3/session/user');
  const user: User | undefined = shown.data;
  const city: string | undefined = user?.details.city;
  const again = await client.POST('/v3/session/login', { body: { userName, password } });
  const logout = await client.POST('/v3/session/logout');
  const after = await client.GET('/v3/session/user');
  const code: number | undefined = after.error?.errorCode;
  const statuses = [before, wrong, login, otp, shown, again, logout, after].map((answer) => answer.response.status);
  const errors = [before, wrong, otp, again, after].map((answer) => answer.error?.errorCode);
  return { statuses, errors, asked, user, city, code };
}
`;

/** Programs that the types must refuse, each with why. */
const REFUSED = {
  'a login without a password': `client.POST('/v3/session/login', { body: { userName: 'x' } });`,
  'a rememberMe of 2': `client.POST('/v3/session/login', { body: { userName: 'x', password: 'y', rememberMe: 2 } });`,
  'a code that is a number': `client.POST('/v3/session/login/otp', { body: { otp: 123456 } });`,
  'a method that is not there': `client.DELETE('/v3/session/user');`,
};
const HEAD = `import createClient from 'openapi-fetch';
import type { paths } from './types.js';
const client = createClient<paths>();
`;

const OPTIONS = {
  strict: true,
  noEmit: false,
  skipLibCheck: true,
  target: typescript.ScriptTarget.ES2022,
  module: typescript.ModuleKind.NodeNext,
  moduleResolution: typescript.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  types: [],
};

/** What the compiler has against a file. */
function complaints(file) {
  const program = typescript.createProgram([file], OPTIONS);
  const found = typescript.getPreEmitDiagnostics(program);
  if (found.length === 0) program.emit();
  return found.map((one) => typescript.flattenDiagnosticMessageText(one.messageText, ' '));
}

await main(async (tap, credentials) => {
  const base = `http://${credentials.listen}`;
  const document = await (await fetch(`${base}/openapi.json`)).json();
  const folder = mkdtempSync(path.join(tmpdir(), 'openapi-fetch-'));
  try {
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
    const packages = path.resolve(path.dirname(published.resolve('typescript')), '../..');
    symlinkSync(packages, path.join(folder, 'node_modules'));
    const types = openapiTypescript.astToString(await openapiTypescript.default(document));
    writeFileSync(path.join(folder, 'types.ts'), types);
    tap.ok('types are made from the document', types.includes('SessionUser'), types.slice(0, 200));

    const program = path.join(folder, 'program.ts');
    writeFileSync(program, PROGRAM);
    tap.equal('the compiler is content with the program', complaints(program), []);
    for (const [what, line] of Object.entries(REFUSED)) {
      const file = path.join(folder, 'refused.ts');
      writeFileSync(file, HEAD + line);
      const found = complaints(file);
      tap.ok(`the compiler refuses ${what}`, found.length === 1 && !found[0].includes('module'), found.join('; '));
    }

    const { visit } = await import(pathToFileURL(path.join(folder, 'program.js')));
    const alice = credentials.accounts.find((account) => account.username === 'alice');
    const seen = await visit(base, credentials.i3d.guest_keys[5], 'alice', alice.password);
    tap.equal('the statuses of a visit', seen.statuses, [404, 401, 200, 404, 200, 409, 204, 404]);
    tap.equal('the numbers of its errors', seen.errors, [10001, 60001, 60005, 60006, 10001]);
    tap.equal('no second step is asked for', seen.asked, false);
    tap.equal('the user', [seen.user.userId, seen.user.userName], [1, 'alice']);
    tap.equal('an inner member', seen.city, '');
    tap.equal('the last error', seen.code, 10001);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
