"""What a MollyBet caller does in one sitting, written once for every generic HTTP client.

A client is a function `send(method, path, session=None, fields=None, form=False, raw=None) -> Answer`.
Source: the contract's "Real clients to test with", rows 1-6 of its endpoints and "State and effects".
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


class Answer(NamedTuple):
    status: int
    headers: dict  # names in lower case
    body: Any  # parsed JSON, or the raw text when it is none

    @staticmethod
    def parse(text):
        """From what a client prints: status line, header fields, an empty line, the body."""
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        first, *fields = head.split("\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
        if headers.get("content-type", "").split(";")[0].lower() == "application/json":
            try:
                body = json.loads(body)
            except ValueError:
                pass
        status = re.match(r"HTTP/\S+ (\d{3})", first)
        return Answer(int(status[1]) if status else 0, headers, body)

    @property
    def plain(self):
        return self.status, self.body

    @property
    def data(self):
        return self.body.get("data") if isinstance(self.body, dict) else None

    @property
    def refusal(self):
        """(status, code) of an error in its envelope; something else, to be shown, if it is not one."""
        if isinstance(self.body, dict) and self.body.get("status") == "error":
            return self.status, self.body.get("code")
        return self.plain


def done(data):
    return 200, {"status": "ok", "data": data}


def accounts(credentials):
    return {account["username"]: account for account in credentials["accounts"]}


def outline(tap, credentials, send):
    known = accounts(credentials)

    def login(name, **options):
        fields = {"username": name, "password": known[name]["password"]}
        return send("POST", "/v1/sessions/", fields=fields, **options)

    def on(session, what="", method="GET", header=True, **options):
        return send(method, f"/v1/sessions/{session}/{what}", session=session if header else None, **options)

    def person(name, client_type_of=None):
        return done({"username": name, "client_type": known[client_type_of or name]["client_type"]})

    def post(session, what, **fields):
        return on(session, what, "POST", fields=fields or None)

    def is_session_id(answer):
        return answer.status == 200 and isinstance(answer.data, str) and re.fullmatch("[0-9a-f]{32}", answer.data)

    answer = login("alice")
    tap.ok("login with JSON answers a session id of 32 characters", is_session_id(answer), repr(answer))
    alice = answer.data
    tap.equal("a success has the members status and data, nothing else", answer.plain, done(alice))
    answer = login("alice", form=True)
    tap.ok("login with a form answers a session id too", is_session_id(answer), repr(answer))
    alice_second = answer.data
    tap.ok("each login is a session of its own", alice != alice_second, "the same id twice")

    wrong = {"username": "alice", "password": "not-the-passw0rd"}
    answer = send("POST", "/v1/sessions/", fields=wrong)
    tap.equal("a wrong password is refused", answer.refusal, (401, "login_failed"))
    unknown = send("POST", "/v1/sessions/", fields={"username": "nobody-here", "password": "not-the-passw0rd"})
    tap.equal("an unknown user gets the same answer", unknown.plain, answer.plain)
    answer = send("POST", "/v1/sessions/", fields={"username": "alice"})
    errors = answer.data.get("validation_errors", {}) if isinstance(answer.data, dict) else {}
    tap.equal("login without a password is refused", answer.refusal, (400, "validation_error"))
    tap.ok("the refusal says which field", isinstance(errors.get("password"), list), repr(answer.body))

    tap.equal("metadata tells whose session it is", on(alice).plain, person("alice"))
    answer = send("GET", f"/v1/sessions/{alice}/")
    tap.equal("metadata without the Session header is refused", answer.refusal, (401, "session_required"))
    answer = send("GET", f"/v1/sessions/{'0' * 32}/", session="0" * 32)
    tap.equal("an id never issued is refused", answer.refusal, (401, "session_invalid"))

    root = login("root").data
    answer = post(root, "sudo/", target="alice")
    tap.ok("root may open a session as alice", is_session_id(answer) and answer.data != root, repr(answer))
    sudo = answer.data
    tap.equal("that session is alice's, of root's client type", on(sudo).plain, person("alice", "root"))
    tap.equal("root's own session is untouched", on(root).plain, person("root"))
    tap.equal("sudo out of sight is refused", post(root, "sudo/", target="root2").refusal, (404, "not_found"))
    answer = post(root, "sudo/", target="nobody-here")
    tap.equal("sudo to an unknown target gets the same answer", answer.refusal, (404, "not_found"))
    answer = post(alice, "sudo/", target="bob")
    tap.equal("sudo without the right is refused", answer.refusal, (403, "permission_denied"))
    answer = post(root, "sudo/", other="alice")
    tap.equal("sudo without a target is refused", answer.refusal, (400, "validation_error"))
    tap.equal("the new session can be ended", on(sudo, method="DELETE").plain, done(None))
    tap.equal("an ended session is refused", on(sudo).refusal, (401, "session_invalid"))
    tap.equal("ending it again is refused", on(sudo, method="DELETE").refusal, (401, "session_invalid"))
    tap.equal("root's session still works", on(root).plain, person("root"))

    agent, stranger = login("agent1").data, login("agent2").data
    answer = post(alice, "tokenize/")
    token = answer.data
    tap.ok("tokenize answers a bare string", answer.status == 200 and isinstance(token, str) and token, repr(answer))
    tap.equal("alice's agent learns whose it is", post(agent, "detokenize/", token=token).plain, person("alice"))
    answer = post(agent, "detokenize/", token=token)
    tap.equal("a token works once", answer.refusal, (404, "not_found"))
    token = post(alice, "tokenize/").data
    answer = post(stranger, "detokenize/", token=token)
    tap.equal("another agent is refused", answer.refusal, (404, "not_found"))
    answer = post(agent, "detokenize/", token=token)
    tap.equal("and that attempt did not use up the token", answer.plain, person("alice"))
    token = post(alice, "tokenize/").data

    answer = on(alice_second, method="DELETE", header=False, raw="{}")
    tap.equal("DELETE with the id alone and a body {} ends a session", answer.plain, done(None))
    tap.equal("its id is refused from then on", on(alice_second).refusal, (401, "session_invalid"))
    answer = on(alice_second, method="DELETE", header=False, raw="{}")
    tap.equal("a second DELETE with the id alone finds nothing", answer.refusal, (404, "not_found"))
    tap.equal("alice's other session still works", on(alice).plain, person("alice"))
    tap.equal("logout", on(alice, method="DELETE").plain, done(None))
    answer = post(agent, "detokenize/", token=token)
    tap.equal("logout ends the session's unused tokens", answer.refusal, (404, "not_found"))
    for session in (root, agent, stranger):
        on(session, method="DELETE")
