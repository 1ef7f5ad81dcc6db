"""What every Python client script shares: reading the credentials, printing one line per check.

A script prints `ok - NAME` or `not ok - NAME: why` for each check and a plan `1..N` at its end, so that one
that stopped early is told from one that finished. It exits with 1 when a check failed or none was made.
"""

import json
import sys


class Tap:
    def __init__(self):
        self.checks = 0
        self.failures = 0

    def ok(self, name, passed, why="the condition does not hold"):
        self.checks += 1
        if not passed:
            self.failures += 1
            print(f"not ok - {name}: {' '.join(why.split())[:300]}", flush=True)
        else:
            print(f"ok - {name}", flush=True)

    def equal(self, name, got, wanted):
        self.ok(name, got == wanted and type(got) is type(wanted), f"got {got!r}, wanted {wanted!r}")


def main(script):
    """Runs `script(tap, credentials)` with the credentials file named by the one argument."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} CREDENTIALS.json")
    with open(sys.argv[1], encoding="utf-8") as file:
        credentials = json.load(file)
    tap = Tap()
    try:
        script(tap, credentials)
    except Exception as error:  # one broken step must not hide the count
        tap.ok("the script runs to its end", False, repr(error))
    print(f"1..{tap.checks}", flush=True)
    sys.exit(0 if tap.checks and not tap.failures else 1)
