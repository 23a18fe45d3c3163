"""An SMTP server (aiosmtpd) that does what its mood says: mail_server.py PORT MOOD_FILE [CERTIFICATE KEY [starttls|whole]].

It prints a line of JSON for each mail that it takes and for each that it refuses. With a certificate it insists on it, and
on the user app with the password p@ss/word."""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

port, moods, *protection = sys.argv[1:]


def mood():
    with open(moods, encoding="utf-8") as file:
        return file.read().strip()


def tell(**what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_EHLO(self, server, session, envelope, hostname):
        session.host_name = hostname
        if mood() == "silent":
            await asyncio.sleep(3600)
        return "250 HELP"

    async def handle_RCPT(self, server, session, envelope, address, options):
        codes = {
            "busy": "451 4.7.1 come back later",
            "unknown": f"550 5.1.1 <{address}> is nobody",
            "closing": "421 bye",
            "relay": f"554 5.7.1 <{address}>: Relay access denied",
            "strange": "530 5.7.0 Authentication required",
        }
        answer = codes.get(mood())
        if answer:
            tell(refused=answer[:3])
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if mood() == "hanging":
            tell(refused="hanging")
            await asyncio.sleep(3600)
        if mood() == "half":
            tell(refused="half")
            server.transport.write(b"25")
            server.transport.close()
            await asyncio.sleep(3600)
        refusals = {"malformed": "554 5.6.0 malformed", "spam": "550 5.7.26 neither SPF nor DKIM"}
        answer = refusals.get(mood())
        if answer:
            tell(refused=answer[:3])
            return answer
        delays = {"slow": 4, "slower": 8, "steady": 0.05}
        # What a server has, it has: that nobody waits for its word any more changes nothing.
        return await asyncio.shield(asyncio.ensure_future(self.take(server, session, envelope, delays.get(mood(), 0))))

    async def take(self, server, session, envelope, delay):
        if delay:
            tell(begun=True)
            await asyncio.sleep(delay)
        encrypted = server.transport is not None and server.transport.get_extra_info("sslcontext") is not None
        content = envelope.content.decode("utf-8")
        tell(
            sender=envelope.mail_from,
            to=envelope.rcpt_tos,
            content=content,
            hello=session.host_name,
            encrypted=encrypted,
            user=session.auth_data.decode() if session.auth_data else None,
            peer=session.peer[1],
        )
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"app" and data.password == b"p@ss/word"
    # Not handled: the library shall answer.
    return AuthResult(success=good, handled=False, auth_data=data.login if good else None)


async def main():
    kind, context = "none", None
    if protection:
        certificate, key, kind = protection
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)

    def connection():
        starttls = context if kind == "starttls" else None
        checks = {"authenticator": authenticate, "auth_required": True} if context else {}
        # Behind a socket that is whole TLS, the library does not see that it is.
        return SMTP(
            Handler(),
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_require_tls=kind != "whole",
            enable_SMTPUTF8=True,
            **checks,
        )

    loop = asyncio.get_running_loop()
    whole = context if kind == "whole" else None
    server = await loop.create_server(connection, "127.0.0.1", int(port), ssl=whole)
    tell(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
