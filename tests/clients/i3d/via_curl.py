"""curl: the outline, the second step, and a consumer of account keys."""

import json
import subprocess
import time

from outline import LOGIN, LOGOUT, OTP, USER, accounts, one_time_password, outline, second_factor_user
from tap import main

CURL = ["curl", "-q", "-sS", "--noproxy", "*", "--max-time", "10", "-i"]


def script(tap, credentials):
    base = f"http://{credentials['listen']}"
    known, i3d = accounts(credentials), credentials["i3d"]

    def send(method, path, key=None, body=None):
        arguments = ["-X", method, base + path]
        if key:
            arguments += ["-H", f"PRIVATE-TOKEN: {key}"]
        if body is not None:
            arguments += ["-H", "Content-Type: application/json", "--data-raw", json.dumps(body)]
        ran = subprocess.run([*CURL, *arguments], capture_output=True, text=True, timeout=20)
        if ran.returncode:
            raise RuntimeError(f"curl left with {ran.returncode}: {ran.stderr}")
        head, _, text = ran.stdout.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.split("\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers, text

    outline(tap, credentials, send, i3d["guest_keys"][1])

    key = i3d["guest_keys"][2]
    password, secret = second_factor_user(credentials, "carla")
    login = {"userName": "carla", "password": password, "rememberMe": 1}
    status, _, text = send("POST", LOGIN, key, login)
    asked = json.loads(text)
    tap.equal("carla: a second step is asked for", (status, asked["requiresOtp"]), (200, True))
    left = asked["expiresAt"] - time.time()
    tap.ok("carla: for 300 seconds", 290 < left <= 300 and asked["expiresAt"] == asked["otpSessionExpiresAt"], text)
    tap.equal("carla: she is not logged in yet", send("GET", USER, key)[0], 404)
    status, _, text = send("POST", OTP, key, {"otp": "wrong"})
    tap.equal("carla: a wrong code", (status, json.loads(text)["errorCode"]), (401, 60002))
    code = one_time_password(secret)
    tap.equal("carla: the right code", send("POST", OTP, key, {"otp": code})[::2], (204, ""))
    status, _, text = send("GET", USER, key)
    tap.equal("carla: she is logged in", (status, json.loads(text)["userName"]), (200, "carla"))
    tap.equal("carla: logout", send("POST", LOGOUT, key)[::2], (204, ""))
    status, _, text = send("POST", LOGIN, key, {"userName": "dora", "password": known["dora"]["password"]})
    tap.equal("a disabled account is like a wrong password", (status, json.loads(text)["errorCode"]), (401, 60001))

    # As the public consumers do: an account key, the body as one object, failure if it has an errorCode.
    owned = i3d["account_keys"]["alice"]
    _, _, text = send("GET", USER, owned)
    body = json.loads(text)
    tap.ok("account key: one object without errorCode", isinstance(body, dict) and "errorCode" not in body, text)
    tap.equal("account key: its owner", (body["userId"], body["userName"]), (1, "alice"))
    tap.ok("account key: the details are an object", isinstance(body["details"], dict), text)
    _, _, text = send("GET", USER, owned[::-1])
    tap.ok("account key: a wrong one is told by errorCode", json.loads(text).get("errorCode") == 60004, text)
    tap.equal("account key: nothing to log in to", send("POST", LOGIN, owned, login)[0], 409)
    tap.equal("account key: logging out changes nothing", send("POST", LOGOUT, owned)[0], 204)
    tap.equal("account key: its owner is still there", send("GET", USER, owned)[0], 200)


if __name__ == "__main__":
    main(script)
