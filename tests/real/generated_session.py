"""The session door through a client that openapi-python-client made from the gateway's own description.

python generated_session.py URL OUTBOX DIRECTORY: generates the package there, which may leave nothing out, and uses it.
"""

import base64
import email
import email.policy
import json
import re
import subprocess
import sys
import time
import urllib.request
from importlib import import_module
from os import environ
from pathlib import Path

url, outbox, directory = sys.argv[1:]
programs = Path(sys.executable).parent
description = Path(directory, "openapi.json")
description.write_bytes(urllib.request.urlopen(f"{url}/openapi.json").read())
package = Path(directory, "countersign_client")
subprocess.run(
    [programs / "openapi-python-client", "generate", "--path", description, "--output-path", package]
    + ["--meta", "none", "--fail-on-warning"],
    check=True,
    # What tidies the files afterwards is looked for on the path.
    env={**environ, "PATH": f"{programs}:{environ['PATH']}"},
)
sys.path.insert(0, directory)

operations = [
    (operation["tags"][0], operation["operationId"])
    for item in json.loads(description.read_text())["paths"].values()
    for operation in item.values()
    if isinstance(operation, dict) and "operationId" in operation
]
missing = [(tag, name) for tag, name in operations if not (package / "api" / tag / f"{name}.py").exists()]
assert len(operations) > 40 and not missing, missing

from countersign_client import AuthenticatedClient, Client  # noqa: E402
from countersign_client.models import (  # noqa: E402
    EmailRequest,
    HTTPValidationError,
    LoginRequest,
    Me,
    Nothing,
    ProblemBody,
    RefreshTokenRequest,
    RegisterRequest,
    ResetPasswordRequest,
    TokenPair,
    VerifyEmailRequest,
)

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
client = Client(base_url=url, raise_on_unexpected_status=True)


def call(name, status, kind, by=client, **arguments):
    answer = import_module(f"countersign_client.api.session.session_{name}").sync_detailed(client=by, **arguments)
    assert answer.status_code == status, (name, answer)
    assert kind is None or type(answer.parsed) is kind, (name, answer)
    return answer.parsed


def signed_in(tokens):
    return AuthenticatedClient(base_url=url, token=tokens.access_token, raise_on_unexpected_status=True)


def mailed_code():
    """The code of the one mail, which is there within a second."""
    for _ in range(100):
        if mails := list(Path(outbox).glob("*.eml")):
            (mail,) = mails
            text = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default).get_body(("plain",))
            return re.search(r"^ {4}(\d{6})\s*$", text.get_content(), re.MULTILINE)[1]
        time.sleep(0.1)
    raise AssertionError("no mail")


made = call("register", 201, TokenPair, body=RegisterRequest(email=EMAIL, password=PASSWORD))
assert (made.token_type, made.expires_in, made.email_verified) == ("bearer", 1800, False)
taken = call("register", 409, ProblemBody, body=RegisterRequest(email=EMAIL, password=PASSWORD))
assert taken.error == "identity_already_used"

faults = call("register", 422, HTTPValidationError, body=RegisterRequest(email="x", password="short"))
assert [(fault.loc, fault.type_) for fault in faults.detail] == [
    (["body", "email"], "value_error"),
    (["body", "password"], "string_too_short"),
], faults

# The client keeps the cookies, which are sent by a page that has an origin.
page = Client(base_url=url, headers={"Origin": "http://localhost:8080"}, raise_on_unexpected_status=True)
wrong = call("login", 401, ProblemBody, page, body=LoginRequest(email=EMAIL, password="wrong"))
assert wrong.error == "invalid_credentials"
pair = call("login", 200, TokenPair, page, body=LoginRequest(email=EMAIL, password=PASSWORD))
assert {"access_token", "refresh_token"} == set(page.get_httpx_client().cookies)
basic = base64.b64encode(f"{EMAIL}:{PASSWORD}".encode()).decode()
program = AuthenticatedClient(base_url=url, token=basic, prefix="Basic", raise_on_unexpected_status=True)
call("token", 200, TokenPair, program)

assert call("me", 403, ProblemBody, signed_in(pair)).error == "email_not_verified"
code = mailed_code()
other = f"{(int(code) + 1) % 1_000_000:06}"
refused = call("verify_email", 401, ProblemBody, body=VerifyEmailRequest(email=EMAIL, code=other))
assert refused.error == "invalid_code"
verified = call("verify_email", 200, TokenPair, body=VerifyEmailRequest(email=EMAIL, code=code))
assert verified.email_verified
me = call("me", 200, Me, signed_in(verified))
assert (me.email, me.email_verified, me.wallets) == (EMAIL, True, []), me
call("resend_verification", 200, Nothing, body=EmailRequest(email=EMAIL))

second = call("refresh", 200, TokenPair, body=RefreshTokenRequest(refresh_token=pair.refresh_token))
third = call("refresh", 200, TokenPair, page)
assert second.refresh_token == third.refresh_token != pair.refresh_token
# A program's client may keep cookies too, but it is no page: what it has to say is in the body.
assert call("refresh", 403, ProblemBody).error == "origin_not_allowed"
stranger = Client(base_url=url, raise_on_unexpected_status=True)
assert call("refresh", 401, ProblemBody, stranger).error == "not_authenticated"

call("forgot_password", 200, Nothing, body=EmailRequest(email=EMAIL))
reset = ResetPasswordRequest(token="none of ours", new_password="another password")
assert call("reset_password", 400, ProblemBody, body=reset).error == "invalid_link"

call("logout", 204, None, page)
assert not page.get_httpx_client().cookies
ended = call("refresh", 401, ProblemBody, body=RefreshTokenRequest(refresh_token=third.refresh_token))
assert ended.error == "session_ended"
call("logout", 204, None, body=RefreshTokenRequest(refresh_token="none of ours"))

print(json.dumps({"operations": len(operations)}))
