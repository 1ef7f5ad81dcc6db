// What every Node client script shares; the same lines and exit codes as tap.py.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { inspect, isDeepStrictEqual } from 'node:util';

// Where tests/clients/run has put the packages of package-lock.json.
const cache = process.env.CLIENTS_CACHE ?? fileURLToPath(new URL('../../target/clients', import.meta.url));
export const published = createRequire(`${cache}/node/`);

export class Tap {
  checks = 0;
  failures = 0;

  ok(name, passed, why = 'the condition does not hold') {
    this.checks += 1;
    if (!passed) this.failures += 1;
    console.log(passed ? `ok - ${name}` : `not ok - ${name}: ${why.replace(/\s+/g, ' ').slice(0, 300)}`);
  }

  equal(name, got, wanted) {
    this.ok(name, isDeepStrictEqual(got, wanted), `got ${inspect(got)}, wanted ${inspect(wanted)}`);
  }
}

/** Runs `script(tap, credentials)` with the credentials file named by the one argument. */
export async function main(script) {
  if (process.argv.length !== 3) {
    console.error(`usage: ${process.argv[1]} CREDENTIALS.json`);
    process.exit(1);
  }
  const tap = new Tap();
  try {
    await script(tap, JSON.parse(readFileSync(process.argv[2], 'utf8')));
  } catch (error) {
    tap.ok('the script runs to its end', false, inspect(error)); // one broken step must not hide the count
  }
  console.log(`1..${tap.checks}`);
  process.exitCode = tap.checks && !tap.failures ? 0 : 1;
}
