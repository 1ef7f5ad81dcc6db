"""requests: the outline."""

import requests

from outline import outline
from tap import main


def script(tap, credentials):
    base = f"http://{credentials['listen']}"
    with requests.Session() as session:
        session.trust_env = False

        def send(method, path, key=None, body=None):
            headers = {"PRIVATE-TOKEN": key} if key else {}
            answer = session.request(method, base + path, headers=headers, json=body, timeout=10, allow_redirects=False)
            return answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.text

        outline(tap, credentials, send, credentials["i3d"]["guest_keys"][0])


if __name__ == "__main__":
    main(script)
