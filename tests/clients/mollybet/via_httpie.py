"""HTTPie 3.2.4, the client the vendor's own examples use: the outline, and its exit codes as shell scripts see them.

Usage: via_httpie.py CREDENTIALS.json, with `http` of tests/clients/requirements.txt on PATH.
"""

import os
import subprocess
import tempfile

from outline import Answer, outline
from tap import main


def script(tap, credentials):
    base = f"http://{credentials['listen']}"
    leaves = set()  # (class of the HTTP status, exit code) of every call made

    with tempfile.TemporaryDirectory() as empty:  # no defaults and sessions of whoever runs this

        def send(method, path, session=None, fields=None, form=False, raw=None):
            command = ["http", "--ignore-stdin", "--check-status", "--print=hb", "--timeout=10"]
            command += ["--form"] if form else []
            command += ["--raw", raw] if raw is not None else []
            command += [method, base + path]
            command += [f"Session:{session}"] if session else []
            command += [f"{name}={value}" for name, value in (fields or {}).items()]
            surroundings = {**os.environ, "HTTPIE_CONFIG_DIR": empty}
            ran = subprocess.run(command, capture_output=True, text=True, timeout=20, env=surroundings)
            answer = Answer.parse(ran.stdout)
            if not answer.status:
                raise RuntimeError(f"http left with {ran.returncode}: {ran.stderr}")
            leaves.add((answer.status // 100, ran.returncode))
            return answer

        outline(tap, credentials, send)
        tap.equal("--check-status leaves with 0 on 2xx and 4 on 4xx, throughout", sorted(leaves), [(2, 0), (4, 4)])


if __name__ == "__main__":
    main(script)
