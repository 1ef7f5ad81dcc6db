"""jsonrpclib-pelix 1.2.0: `Content-Type: application/json-rpc`, UUID string ids, MultiCall for batches.

Usage: via_pelix.py CREDENTIALS.json
"""

import functools
import socket

import jsonrpclib
from jsonrpclib import MultiCall, ProtocolError
from jsonrpclib.jsonrpc import TransportError

from outline import Refused, outline
from tap import main


def refused(error):
    """(code, message) of a JSON-RPC error is the error's one argument; a TransportError knows the HTTP status."""
    return Refused(error.errcode if isinstance(error, TransportError) else error.args[0][0])


def named(root, method):
    """`session.open_session` by attribute access, as this client's users write it."""
    return functools.reduce(getattr, method.split("."), root)


class Client:
    def __init__(self, url, headers):
        self.proxy = jsonrpclib.ServerProxy(url, headers=headers)

    def call(self, method, *positions, **names):
        try:
            return named(self.proxy, method)(*positions, **names)
        except ProtocolError as error:
            return refused(error)

    def notify(self, method, **names):
        return named(self.proxy._notify, method)(**names)

    def batch(self, calls):
        many = MultiCall(self.proxy)
        for method, names, quiet in calls:
            named(many._notify if quiet else many, method)(**names)
        answers, outcomes = many(), []
        for index in range(len(answers)):
            try:
                outcomes.append(answers[index])
            except ProtocolError as error:
                outcomes.append(refused(error))
        return outcomes


if __name__ == "__main__":
    socket.setdefaulttimeout(10)
    main(lambda tap, credentials: outline(tap, credentials, Client))
