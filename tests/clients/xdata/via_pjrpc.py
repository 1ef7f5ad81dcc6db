"""pjrpc 2.2.0 with its requests backend: integer ids that start at 1 in every call, and its check of the answer's id.

Usage: via_pjrpc.py CREDENTIALS.json
"""

import requests
from pjrpc.client.backend.requests import Client as Backend
from pjrpc.client.exceptions import JsonRpcError
from pjrpc.client.validators import validate_response_id_middleware

from outline import Refused, outline
from tap import main


class Session(requests.Session):
    """Gives up after 10 s, and keeps the last answer: pjrpc drops what a notification is answered with."""

    def request(self, *positions, **names):
        self.last = super().request(*positions, **{"timeout": 10, **names})
        return self.last


class Client:
    def __init__(self, url, headers):
        self.session = Session()
        self.session.headers.update(headers)
        self.backend = Backend(url, session=self.session, middlewares=[validate_response_id_middleware])

    def call(self, method, *positions, **names):
        try:
            return self.backend(method, *positions, **names)
        except JsonRpcError as error:
            return Refused(error.code)
        except requests.HTTPError as error:
            return Refused(error.response.status_code)

    def notify(self, method, **names):
        self.backend.notify(method, **names)
        assert self.session.last.content == b"", self.session.last.content

    def batch(self, calls):
        with self.backend.batch() as batch:
            for method, names, quiet in calls:
                (batch.notify if quiet else batch)(method, **names)
        return [Refused(each.unwrap_error().code) if each.is_error else each.result for each in batch.get_response()]


if __name__ == "__main__":
    main(lambda tap, credentials: outline(tap, credentials, Client))
