"""What the Python clients share: JSON over urllib, nothing more."""

import json
import urllib.error
import urllib.request


def call(url, method, path, body=None, token=None):
    """Sends a request and returns its status and its JSON, if any."""
    headers = {"content-type": "application/json"}
    if token:
        headers["x-auth-token"] = token
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, content, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())
