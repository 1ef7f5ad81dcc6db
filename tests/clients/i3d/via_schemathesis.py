"""schemathesis: requests made from the OpenAPI document, good ones and bad ones, against what it says of answers.

Usage: via_schemathesis.py CREDENTIALS.json
The document is the served one. It runs on a guest key of its own; what needs a known user is a short script beside it,
whose answers are held against the document, too.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import schemathesis

from outline import LOGIN, LOGOUT, OTP, USER, one_time_password, second_factor_user
from tap import main

# Made from the document: so many requests of each kind for each call, always the same ones.
EXAMPLES = 40
SEED = 1


def generated(tap, base, key):
    """The command line tool with all its checks; each of its phases counts as one check."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "events.ndjson")
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{base}/openapi.json", "--url", base,
            "--header", f"PRIVATE-TOKEN: {key}", "--checks", "all", "--mode", "all", "--phases", "examples,coverage,fuzzing",
            "--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-database", "none", "--workers", "1",
            "--request-timeout", "10", "--no-color", "--report", "ndjson", "--report-ndjson-path", str(report),
        ]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=scratch)
        lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    finished = [line["ScenarioFinished"] for line in lines if "ScenarioFinished" in line]
    for call in (USER, LOGIN, OTP, LOGOUT):
        own = [scenario for scenario in finished if str(scenario["recorder"]["label"]).endswith(f" {call}")]
        requests = sum(len(scenario["recorder"].get("interactions", ())) for scenario in own)
        tap.ok(f"{call}: requests were made from the document", requests >= 5, f"{requests} requests")
        bad = [scenario["status"] for scenario in own if scenario["status"] not in ("success", "skip")]
        tap.ok(f"{call}: no check of schemathesis fails", own and not bad, ran.stdout[-2000:])
    tap.equal("schemathesis is content", ran.returncode, 0)


def visited(tap, base, credentials, key):
    """Login, second step, user, logout; each answer must conform to the document."""
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    password, secret = second_factor_user(credentials, "sonia")

    def call(name, method, path, wanted, body=None):
        case = schema[path][method].Case(headers={"PRIVATE-TOKEN": key}, body=body, media_type="application/json") if (
            body is not None) else schema[path][method].Case(headers={"PRIVATE-TOKEN": key})
        answer = case.call(base_url=base)
        try:
            case.validate_response(answer, excluded_checks=[])
            why = ""
        except BaseException as error:  # a group of failures is no Exception
            why = repr(error)
        tap.ok(f"{name}: conforms", not why, why)
        tap.equal(f"{name}: the status", answer.status_code, wanted)
        return answer

    login = {"userName": "sonia", "password": password}
    call("nobody", "GET", USER, 404)
    call("login", "POST", LOGIN, 200, login)
    call("a wrong code", "POST", OTP, 401, {"otp": "000000x"})
    call("the right code", "POST", OTP, 204, {"otp": one_time_password(secret)})
    call("the user", "GET", USER, 200)
    call("login beside her", "POST", LOGIN, 409, login)
    call("logout", "POST", LOGOUT, 204)
    call("nobody again", "GET", USER, 404)


def script(tap, credentials):
    base = f"http://{credentials['listen']}"
    generated(tap, base, credentials["i3d"]["guest_keys"][3])
    visited(tap, base, credentials, credentials["i3d"]["guest_keys"][4])


if __name__ == "__main__":
    main(script)
