"""curl as the vendor's documentation uses it (three -H headers, the body from a file): the outline, then the
envelopes that no library can be talked into sending.

Usage: via_curl.py CREDENTIALS.json
"""

import itertools
import json
import subprocess
import tempfile

from outline import ACTIVE, CLOSE, INACTIVE, OPEN, VERIFY, Refused, endpoint, outline, pair_headers
from tap import main

CURL = ["curl", "-q", "-sS", "--noproxy", "*", "--max-time", "10"]


def fetch(url, headers, body=None, *options):
    """(HTTP status, its header fields in lower case, body text) of one curl call; with a body it is a POST."""
    with tempfile.NamedTemporaryFile() as sent:
        command = [*CURL, "-i", url, *options]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        if body is not None:
            sent.write(body if isinstance(body, bytes) else body.encode())
            sent.flush()
            command += ["--data-binary", f"@{sent.name}"]
        ran = subprocess.run(command, capture_output=True, timeout=20)
    if ran.returncode:
        raise RuntimeError(f"curl left with {ran.returncode}: {ran.stderr.decode()}")
    head, _, text = ran.stdout.decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    return int(first.split()[1]), fields, text


class Client:
    ids = itertools.count(1)

    def __init__(self, url, headers):
        self.url = url
        self.headers = {"Content-Type": "application/json", **headers}

    def message(self, method, params, quiet=False):
        message = {"jsonrpc": "2.0", "method": method, "params": params, "id": f"jsonrpc_id_{next(self.ids)}"}
        if quiet:
            del message["id"]
        return message

    def call(self, method, *positions, **names):
        message = self.message(method, positions or names)
        status, headers, text = fetch(self.url, self.headers, json.dumps(message))
        answer = json.loads(text)
        assert headers["content-type"].split(";")[0] == "application/json", headers
        assert answer["jsonrpc"] == "2.0", text
        if status != 200:
            return Refused(status)
        assert answer["id"] == message["id"], text
        return answer["result"] if "result" in answer else Refused(answer["error"]["code"])

    def notify(self, method, **names):
        status, headers, text = fetch(self.url, self.headers, json.dumps(self.message(method, names, quiet=True)))
        assert (status, text, headers.get("content-length")) == (200, "", "0"), (status, headers, text)

    def batch(self, calls):
        _, _, text = fetch(self.url, self.headers, json.dumps([self.message(*call) for call in calls]))
        return [each["result"] if "result" in each else Refused(each["error"]["code"]) for each in json.loads(text)]


def error_of(answer):
    """(id, code) of a JSON-RPC error object; the answer itself, to be shown, if it is none."""
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict) and "result" not in answer:
        return answer.get("id", "no id"), answer["error"].get("code")
    return answer


def envelopes(tap, credentials):
    url = endpoint(credentials)
    pair = pair_headers(credentials["xdata"]["keys"][0])
    headers = {"Content-Type": "application/json", **pair}

    def answered(body):
        status, _, text = fetch(url, headers, body)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def refused(name, body, code):
        status, answer = answered(body)
        tap.equal(name, (status, error_of(answer)), (200, (None, code)))

    def verify_as(text_of_id):
        return '{"jsonrpc":"2.0","method":"%s","params":{"token":"x"},"id":%s}' % (VERIFY, text_of_id)

    refused("broken JSON", '{"jsonrpc":"2.0"', -32700)
    stray_comma = '{"jsonrpc":"2.0","method":"%s","params":{"expires_in":null,},"id":1}' % OPEN
    refused("the vendor's own sample with its stray comma", stray_comma, -32700)
    refused("bytes that are not UTF-8", b'{"jsonrpc":"2.0","method":"\xff","id":1}', -32700)
    refused("an empty body", "", -32700)
    refused("an empty batch", "[]", -32600)
    status, answer = answered("[1,2]")
    seen = status, [error_of(each) for each in answer] if isinstance(answer, list) else answer
    tap.equal("a batch of things that are no calls", seen, (200, [(None, -32600), (None, -32600)]))
    refused("a call without jsonrpc", '{"method":"%s","params":{"token":"x"},"id":1}' % VERIFY, -32600)
    refused("a call whose id is true", verify_as("true"), -32600)
    for text_of_id in ("null", "1.5", "9223372036854775808", '"1"', "1"):
        status, _, text = fetch(url, headers, verify_as(text_of_id))
        members = "".join(text.split())[1:-1].split(",")  # as text: a parser would hide 1 becoming 1.0
        wanted = ['"jsonrpc":"2.0"', '"result":{"active":false}', f'"id":{text_of_id}']
        right = status == 200 and sorted(members) == sorted(wanted)
        tap.ok(f"the id {text_of_id} comes back as it was sent", right, f"{status} {text}")
    quiet = json.dumps([{"jsonrpc": "2.0", "method": CLOSE, "params": {"token": "x"}}] * 2)
    tap.equal("a batch of notifications has no answer", answered(quiet), (200, ""))

    status, fields, _ = fetch(url, headers)
    tap.equal("GET is refused and told what is allowed", (status, fields.get("allow")), (405, "POST"))
    status, _, _ = fetch(url, {**pair, "Content-Type": "text/plain"}, verify_as("1"))
    tap.equal("another type of body is refused", status, 415)
    status, _, text = fetch(url, {"Content-Type": "application/json"}, verify_as("1"))
    tap.equal("without any credential", (status, error_of(json.loads(text))), (401, (None, -32001)))

    client = Client(endpoint(credentials, version=1), pair)
    token = client.call(OPEN, expires_in=60)["access_token"]
    tap.equal("v1 is the same service", Client(url, pair).call(VERIFY, token=token), ACTIVE)
    gateway = f"http://{credentials['listen']}/auth/verify"
    for credential in ({"Xdata-Session-Token": token}, {"Authorization": f"Bearer {token}"}):
        status, fields, _ = fetch(gateway, credential)
        seen = status, fields.get("x-sessile-user")
        tap.equal(f"the gateway knows it by {next(iter(credential))}", seen, (200, "alice"))
    tap.equal("closed over v1", client.call(CLOSE, token=token), True)
    tap.equal("and not active in v2", Client(url, pair).call(VERIFY, token=token), INACTIVE)
    tap.equal("nor at the gateway", fetch(gateway, {"Xdata-Session-Token": token})[0], 401)


def script(tap, credentials):
    outline(tap, credentials, Client)
    envelopes(tap, credentials)


if __name__ == "__main__":
    main(script)
