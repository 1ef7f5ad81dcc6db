"""What an xData caller does in one sitting, written once for every Python JSON-RPC client.

A client is a class `Client(url, headers)` with
  call(method, *positions, **names)  the result, or `Refused` with the error's code (or the HTTP status)
  notify(method, **names)            sends a notification, raises if anything at all comes back
  batch(calls)                       calls are (method, names, is_notification); a list of results and `Refused`
The Node clients have the same in outline.mjs. Source: the contract's "Real clients to test with" and "Decisions".
"""

import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
OPEN, VERIFY, CLOSE = "session.open_session", "session.verify_session_token", "session.close_session"
ACTIVE, INACTIVE = {"active": True}, {"active": False}


class Refused(NamedTuple):
    code: int


def endpoint(credentials, version=2):
    return f"http://{credentials['listen']}/api/v{version}/session/jsonrpc"


def pair_headers(pair):
    return {"APIKey": pair["api_key"], "Secret": pair["secret"]}


def outline(tap, credentials, Client):
    url = endpoint(credentials)
    pair, other_pair = credentials["xdata"]["keys"][:2]
    client, other = Client(url, pair_headers(pair)), Client(url, pair_headers(other_pair))

    def attempt(function, *positions, **names):
        try:
            return function(*positions, **names)
        except Exception as error:  # shown as what was got
            return f"{type(error).__name__}: {error}"

    def opened(granted, seconds):
        """The token in an answer to open, and whether that answer is as it should be."""
        token = granted.get("access_token") if isinstance(granted, dict) else None
        right = isinstance(token, str) and UUID4.fullmatch(token) is not None
        return token or "none", right and granted == {"access_token": token, "expires_in": seconds}

    def open_for(name, seconds, *positions, **names):
        granted = attempt(client.call, OPEN, *positions, **names)
        token, right = opened(granted, seconds)
        tap.ok(name, right, f"got {granted!r}")
        return token

    def equal(name, wanted, function, *positions, **names):
        tap.equal(name, attempt(function, *positions, **names), wanted)

    token = open_for("open by name for 60 s grants a version 4 UUID", 60, expires_in=60)
    equal("verify by name", ACTIVE, client.call, VERIFY, token=token)
    equal("verify by position", ACTIVE, client.call, VERIFY, token)
    second = open_for("open by position", 60, 60)
    open_for("open without params grants 30 days", 2_592_000)
    open_for("open with null grants 30 days", 2_592_000, expires_in=None)

    equal("another key pair sees no session", INACTIVE, other.call, VERIFY, token=token)
    equal("another key pair's close says true", True, other.call, CLOSE, token=token)
    equal("and has no effect", ACTIVE, client.call, VERIFY, token=token)
    by_token = Client(url, {"Xdata-Session-Token": second})
    equal("a session token does instead of the pair", ACTIVE, by_token.call, VERIFY, token=token)

    equal("close", True, client.call, CLOSE, token=token)
    equal("a closed session is not active", INACTIVE, client.call, VERIFY, token=token)
    equal("closing it again says true", True, client.call, CLOSE, token=token)
    equal("a token never issued is not active", INACTIVE, client.call, VERIFY, token="no-such-token")

    equal("expires_in must be a number", Refused(-32602), client.call, OPEN, expires_in="abc")
    equal("expires_in must not be 0", Refused(-32602), client.call, OPEN, expires_in=0)
    equal("verify needs a token", Refused(-32602), client.call, VERIFY)
    equal("a position too many is refused", Refused(-32602), client.call, VERIFY, second, 1)
    equal("a method that is not there is refused", Refused(-32601), client.call, "session.no_such_method")

    equal("a notification is answered with nothing", None, client.notify, CLOSE, token=second)
    equal("and is carried out", INACTIVE, client.call, VERIFY, token=second)
    equal("a closed session's token lets nobody in", Refused(401), by_token.call, VERIFY, token=second)

    third = open_for("a session to be closed in a batch", 60, expires_in=60)
    calls = [(OPEN, {"expires_in": 60}, False), (CLOSE, {"token": third}, True), ("session.no_such_method", {}, False)]
    answers = attempt(client.batch, calls)
    granted = [answer for answer in answers if isinstance(answer, dict)] if isinstance(answers, list) else []
    right = len(answers) == 2 and len(granted) == 1 and Refused(-32601) in answers and opened(granted[0], 60)[1]
    tap.ok("a batch of open, a notification and an unknown method has two answers", right, f"got {answers!r}")
    equal("the notification in the batch is carried out", INACTIVE, client.call, VERIFY, token=third)

    stranger = Client(url, pair_headers({**pair, "secret": "not-the-secret"}))
    equal("a wrong Secret is refused", Refused(401), stranger.call, VERIFY, token=third)

    asked_at = time.monotonic()
    short = open_for("a session of 1 s", 1, expires_in=1)
    answer, lived_s = ACTIVE, 0.0
    while answer == ACTIVE and lived_s < 15:
        time.sleep(0.05)
        answer, lived_s = attempt(client.call, VERIFY, token=short), time.monotonic() - asked_at
    why = f"{answer!r} after {lived_s:.2f} s"
    tap.ok("ends after its second, not before", answer == INACTIVE and lived_s > 0.99, why)
