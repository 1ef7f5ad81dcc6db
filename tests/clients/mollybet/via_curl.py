"""curl: the outline, and what the outline cannot say: one connection for many requests, methods, a second factor.

Usage: via_curl.py CREDENTIALS.json
Otto's one-time password is used here and nowhere else: a step is spent by its first use.
"""

import base64
import hmac
import json
import struct
import subprocess
import time

from outline import Answer, accounts, done, outline
from tap import main

CURL = ["curl", "-q", "-sS", "--noproxy", "*", "--max-time", "10"]


def one_time_password(secret):
    """RFC 6238 with its defaults; waits out the last two seconds of a step, so that it is current on arrival."""
    left = 30 - time.time() % 30
    if left < 2:
        time.sleep(left)
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def script(tap, credentials):
    base = f"http://{credentials['listen']}"
    known = accounts(credentials)

    def run(*arguments):
        ran = subprocess.run([*CURL, *arguments], capture_output=True, text=True, timeout=20)
        if ran.returncode:
            raise RuntimeError(f"curl left with {ran.returncode}: {ran.stderr}")
        return ran.stdout

    def send(method, path, session=None, fields=None, form=False, raw=None, headers=()):
        arguments = ["-i", "-X", method, base + path]
        if session:
            arguments += ["-H", f"Session: {session}"]
        for header in headers:
            arguments += ["-H", header]
        if fields is not None and form:
            for name, value in fields.items():
                arguments += ["--data-urlencode", f"{name}={value}"]
        elif fields is not None or raw is not None:
            arguments += ["-H", "Content-Type: application/json"]
            arguments += ["--data-raw", raw if raw is not None else json.dumps(fields)]
        return Answer.parse(run(*arguments))

    outline(tap, credentials, send)

    def login(name, **more):
        return send("POST", "/v1/sessions/", fields={"username": name, "password": known[name]["password"], **more})

    session = login("alice").data
    url = f"{base}/v1/sessions/{session}/"
    nowhere = ["-o", "/dev/null"] * 2
    shown = run("-H", f"Session: {session}", *nowhere, "-w", "%{http_code} %{num_connects}\n", url, url)
    tap.equal("two requests share one connection", shown.split("\n")[:2], ["200 1", "200 0"])
    answer = send("GET", f"/v1/sessions/{session}", session=session)
    tap.equal("a path without its last slash is the same path", answer.status, 200)
    answer = send("PUT", f"/v1/sessions/{session}/", session=session)
    tap.equal("a method the path has not is refused", answer.refusal, (405, "method_not_allowed"))
    allowed = {method.strip() for method in answer.headers.get("allow", "").split(",")}
    tap.ok("and Allow names those it has", {"GET", "DELETE"} <= allowed, repr(answer.headers))
    answer = send("POST", "/v1/sessions/", raw="{", headers=["Accept: application/json, text/plain, */*"])
    tap.equal("broken JSON is refused", answer.refusal, (400, "bad_request"))

    answer = send("GET", "/auth/verify", session=session)
    seen = answer.status, answer.headers.get("x-sessile-user")
    tap.equal("the gateway knows the session and its user", seen, (200, "alice"))
    answer = send("DELETE", f"/v1/sessions/{session}/", session=session)
    tap.equal("logout with nothing but DELETE", answer.plain, done(None))
    tap.equal("the gateway refuses it from then on", send("GET", "/auth/verify", session=session).status, 401)

    tap.equal("otto needs his second factor", login("otto").refusal, (403, "second_factor_required"))
    answer = login("otto", otp=one_time_password(known["otto"]["totp_secret"]))
    tap.equal("and gets in with it", (answer.status, len(answer.data or "")), (200, 32))
    tap.equal("a disabled account is refused, its password being right", login("dora").status, 403)
    answer = send("POST", "/v1/sessions/", fields={"username": "dora", "password": "not-the-passw0rd"})
    tap.equal("with a wrong one it is like any other", answer.refusal, (401, "login_failed"))


if __name__ == "__main__":
    main(script)
