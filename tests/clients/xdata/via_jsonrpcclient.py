"""jsonrpcclient 4.0.3, which builds and parses messages, with requests 2.34.2, which sends them.

Usage: via_jsonrpcclient.py CREDENTIALS.json
"""

import requests
from jsonrpcclient import Ok, notification, parse, request, request_uuid

from outline import Refused, outline
from tap import main


def outcome(answer):
    return answer.result if isinstance(answer, Ok) else Refused(answer.code)


class Client:
    def __init__(self, url, headers):
        self.url = url
        self.session = requests.Session()
        self.session.headers.update(headers)

    def post(self, message):
        return self.session.post(self.url, json=message, timeout=10)

    def call(self, method, *positions, **names):
        # Ids of both kinds this client makes: integers for positions, UUID strings for names.
        make = request_uuid if names else request
        message = make(method, params=positions or names or None)
        answer = self.post(message)
        if answer.status_code != 200:
            return Refused(answer.status_code)
        parsed = parse(answer.json())
        same = type(parsed.id) is type(message["id"]) and parsed.id == message["id"]
        assert same, f"asked as {message['id']!r}, answered as {parsed.id!r}"
        return outcome(parsed)

    def notify(self, method, **names):
        answer = self.post(notification(method, params=names))
        assert (answer.status_code, answer.content) == (200, b""), (answer.status_code, answer.content)

    def batch(self, calls):
        messages = [(notification if quiet else request)(method, params=names) for method, names, quiet in calls]
        answer = self.post(messages)
        return [outcome(each) for each in parse(answer.json())]


if __name__ == "__main__":
    main(lambda tap, credentials: outline(tap, credentials, Client))
