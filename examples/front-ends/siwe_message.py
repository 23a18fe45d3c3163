"""Sign-in with a message that the library siwe builds. It needs abnf<2.9, with which siwe 4.4 can be imported."""

from datetime import datetime, timezone

from siwe import SiweMessage


def sign_in(gateway, account, *, domain, uri, chain_id=1, statement=None):
    """`gateway` is one of countersign.py."""
    message = SiweMessage(
        domain=domain,
        address=account.address,
        uri=uri,
        version="1",
        chain_id=chain_id,
        # One of the gateway: siwe's own generate_nonce makes nonces that no gateway knows.
        nonce=gateway.nonce(),
        issued_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        statement=statement,
    )
    return gateway.sign_in_with(account, message.prepare_message())
