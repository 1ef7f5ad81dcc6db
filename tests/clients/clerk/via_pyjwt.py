"""PyJWT 2: a verifier in another language that knows nothing of the contract but where the keys are.

Usage: via_pyjwt.py CREDENTIALS.json
"""

import base64
import json
import sys
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jwt
from tap import main

ALGORITHMS = ["RS256", "ES256", "EdDSA"]


def request(method, url, headers, body):
    sent = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sent, timeout=10) as answer:
        return answer.headers, json.load(answer)


def script(tap, credentials):
    issuer = f"http://{credentials['listen']}"
    client = f"{issuer}/v1/client"

    def post(path, headers, **fields):
        return request("POST", client + path, headers, urllib.parse.urlencode(fields).encode())

    def put_template(name, **template):
        url = f"http://{credentials['admin_listen']}/admin/v1/templates/{name}"
        headers = {"Authorization": f"Bearer {credentials['admin_token']}", "Content-Type": "application/json"}
        body = {"claims": {}, "lifetime_s": 60, "allowed_clock_skew_s": 5, **template}
        request("PUT", url, headers, json.dumps(body).encode())

    bob = next(account for account in credentials["accounts"] if account["username"] == "bob")
    given, answer = post("/sign_ins?_is_native=1", {}, identifier="bob", password=bob["password"])
    native = {"Authorization": given["Authorization"]}
    session = answer["response"]["created_session_id"]

    keys = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json")

    def verdict(token, leeway=0, options=None, **more):
        try:
            key = keys.get_signing_key_from_jwt(token)
            said = {"issuer": issuer, **more}
            return jwt.decode(token, key, algorithms=ALGORITHMS, leeway=leeway, options=options, **said)["sub"]
        except jwt.PyJWTError as error:
            return type(error).__name__

    tokens = {"the session token": (None, post(f"/sessions/{session}/tokens", native)[1]["jwt"])}
    for algorithm in ALGORITHMS:
        name = f"pyjwt-{algorithm}"
        put_template(name, algorithm=algorithm, claims={"role": "{{user.username}}"})
        token = post(f"/sessions/{session}/tokens/{name}", native)[1]["jwt"]
        tokens[f"the template's token by {algorithm}"] = (algorithm, token)

    for what, (algorithm, token) in tokens.items():
        header = jwt.get_unverified_header(token)
        said = jwt.decode(token, options={"verify_signature": False})
        tap.equal(f"{what} names its algorithm", header["alg"], algorithm or "RS256")
        tap.equal(f"{what} is good", verdict(token), said["sub"])
        tap.equal(f"{what} is another issuer's", verdict(token, issuer="http://127.0.0.1:1"), "InvalidIssuerError")
        # A clock that is an hour ahead.
        late = verdict(token, leeway=-3600, options={"verify_iat": False, "verify_nbf": False})
        tap.equal(f"{what} is over after its end", late, "ExpiredSignatureError")
        head, payload, signature = token.split(".")
        other = base64.urlsafe_b64encode(json.dumps({**said, "sub": "user_999"}).encode()).decode().rstrip("=")
        forged = ".".join([head, other, signature])
        tap.equal(f"{what} with another subject is not", verdict(forged), "InvalidSignatureError")
        turned = "A" if signature[20] != "A" else "B"
        forged = ".".join([head, payload, signature[:20] + turned + signature[21:]])
        tap.equal(f"{what} with another signature is not", verdict(forged), "InvalidSignatureError")
        if algorithm:
            tap.equal(f"{what} has the template's claims", said["role"], "bob")


if __name__ == "__main__":
    main(script)
