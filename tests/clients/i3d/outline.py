"""The visit that every i3D client makes, and what its answers must look like.

A client gives `send(method, path, key=None, body=None) -> (status, headers, text)`; headers have names in lower case.
"""

import base64
import hmac
import json
import struct
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

USER, LOGIN, OTP, LOGOUT = (f"/v3/session/{call}" for call in ("user", "login", "login/otp", "logout"))

# The members of the user object, in the order of the contract.
MEMBERS = (
    "userId userName email firstName lastName gender phone accessLevel validateEmail isTrialAccount "
    "trialAccountExpirationDate requestIp requestIpCountry requestIpCountryCode details billingDetails"
).split()


def accounts(credentials):
    return {account["username"]: account for account in credentials["accounts"]}


def administer(credentials, path, body):
    """One call to the admin listener that must succeed."""
    url = f"http://{credentials['admin_listen']}/admin/v1/{path}"
    headers = {"Authorization": f"Bearer {credentials['admin_token']}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return json.load(answer)


def second_factor_user(credentials, username):
    """A new account with a second factor: (password, base32 secret). Otto's steps belong to other scripts."""
    password = f"{username}-passw0rd"
    administer(credentials, "accounts", {"username": username, "password": password})
    made = administer(credentials, f"accounts/{urllib.parse.quote(username)}/totp", {})
    return password, made["totp_secret"]


def one_time_password(secret):
    """RFC 6238 with its defaults; waits out the last two seconds of a step, so that it is current on arrival."""
    left = 30 - time.time() % 30
    if left < 2:
        time.sleep(left)
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def outline(tap, credentials, send, key):
    """Login, user, logout on one guest key, and the refusals in between; every answer is looked at whole."""
    password = accounts(credentials)["alice"]["password"]

    def refused(name, answer, status, code):
        got, headers, text = answer
        tap.equal(f"{name}: the status", got, status)
        body = json.loads(text)
        tap.equal(f"{name}: errorCode", body.get("errorCode"), code)
        shape = sorted(body) == ["errorCode", "errorMessage", "errors"] and isinstance(body["errors"], list)
        tap.ok(f"{name}: the error object", shape and body["errorMessage"] != "", text)
        tap.equal(f"{name}: the content type", headers.get("content-type"), "application/json")
        return body

    def done(name, answer):
        status, headers, text = answer
        tap.equal(f"{name}: 204 without a body", (status, text, headers.get("content-type")), (204, "", None))

    refused("no key", send("GET", USER), 401, 60003)
    refused("an unknown key", send("GET", USER, "0123456789abcdefghijABCD"), 403, 60004)
    refused("nobody is logged in", send("GET", USER, key), 404, 10001)
    wrong = {"userName": "alice", "password": "not-the-passw0rd"}
    refused("a wrong password", send("POST", LOGIN, key, wrong), 401, 60001)
    body = refused("an unknown property", send("POST", LOGIN, key, {**wrong, "remember": 1}), 422, 60008)
    tap.equal("it is named", [fault["property"] for fault in body["errors"]], ["remember"])
    refused("a code that nobody waits for", send("POST", OTP, key, {"otp": "123456"}), 404, 60005)
    right = {"userName": "ALICE", "password": password, "rememberMe": 0}
    status, _, text = send("POST", LOGIN, key, right)
    plain = {"requiresOtp": False, "expiresAt": 0, "otpSessionExpiresAt": 0}
    tap.equal("the right password", (status, json.loads(text)), (200, plain))
    status, _, text = send("GET", USER, key)
    user = json.loads(text)
    tap.equal("the user: the members", (status, list(user)), (200, MEMBERS))
    tap.equal("the user: who", (user["userId"], user["userName"]), (1, "alice"))
    refused("somebody is logged in already", send("POST", LOGIN, key, right), 409, 60006)
    done("logout", send("POST", LOGOUT, key))
    refused("nobody is logged in any more", send("GET", USER, key), 404, 10001)
    done("logout again", send("POST", LOGOUT, key))
    refused("a method that is not there", send("DELETE", USER, key), 405, 60010)
    refused("a path that is not there", send("GET", "/v3/session/nothing", key), 404, 10001)
