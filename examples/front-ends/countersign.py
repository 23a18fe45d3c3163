"""Sign-in with eth-account, and the session that follows. Takes no other library than that."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from eth_account.messages import encode_defunct


class Refusal(Exception):
    """An answer of the gateway that is not a success: a sentence for people, `code` for programs."""

    def __init__(self, status, problem):
        super().__init__(problem.get("detail", f"the gateway answered with status {status}"))
        self.status = status
        self.code = problem.get("error")


class Gateway:
    """A gateway and one session with it."""

    def __init__(self, url):
        self.url = url
        self.session = None

    def nonce(self):
        """A nonce for a message of your own."""
        return self._send("GET", "/users/nonce")["nonce"]

    def sign_in(self, account, **wishes):
        """Signs a message that the gateway writes. `wishes`: chainId, domain, uri, statement, resources, requestId."""
        challenge = self._send("POST", "/users/nonce", {"address": account.address, **wishes})
        return self.sign_in_with(account, challenge["message"])

    def sign_in_with(self, account, message):
        """Signs a message of your own."""
        signature = account.sign_message(encode_defunct(text=message)).signature.to_0x_hex()
        self.session = self._send("POST", "/users/authenticate", {"message": message, "signature": signature})
        return self.session

    def call(self, method, path, body=None):
        """Sends a request of the account that is signed in. An access token that has run out is exchanged on the way."""
        try:
            return self._send(method, path, body, self.session["token"])
        except Refusal as refusal:
            if refusal.code != "token_expired":
                raise
        self.session |= self._send("POST", "/users/refresh", {"refreshToken": self.session["refreshToken"]})
        return self._send(method, path, body, self.session["token"])

    def sign_out(self):
        """Ends the session."""
        self.call("POST", "/users/logout")
        self.session = None

    def _send(self, method, path, body=None, token=None):
        headers = {"content-type": "application/json"}
        if token:
            headers["x-auth-token"] = token
        content = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.url + path, content, headers, method=method)) as answer:
                return json.loads(answer.read() or "null")
        except HTTPError as error:
            is_problem = error.headers.get_content_type() == "application/problem+json"
            raise Refusal(error.code, json.load(error) if is_problem else {}) from None
