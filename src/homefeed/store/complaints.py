"""What a server's refusal, silence or babble means, in the user's words: one line with the next step, and without any secret."""

from __future__ import annotations

import re
import ssl

import hiredis

from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.store.address import Address
from homefeed.store.line import GreetingRefusedError, HungUpError

_RIGHTS = "Give it the rights that docs/store.md lists"
_UNKNOWN_AUTHORITY = "Set RECSYS_REDIS_TLS_CA_FILE to the authority that signed it"
_OTHER_NAME = "Name the host as the certificate does"
_NEXT_STEPS = {
    "NOAUTH": "Set RECSYS_REDIS_PASSWORD, and RECSYS_REDIS_USERNAME where the server has users",
    "WRONGPASS": "Set RECSYS_REDIS_USERNAME and RECSYS_REDIS_PASSWORD",
    "NOPERM": _RIGHTS,
    "OOM": "Give it more memory (maxmemory). What is served is as it was",
    "READONLY": "Name the primary, not a replica",
}
_OLD_WORDS = {
    "invalid password": _NEXT_STEPS["WRONGPASS"],
    "without any password configured": "Unset RECSYS_REDIS_PASSWORD: the server has none",
}
FAILURES = (OSError, hiredis.ProtocolError, GreetingRefusedError)
"""What a ``Line`` raises."""


class RefusedError(StoreError):
    """The server answered, and said no."""


class NoMemoryError(RefusedError):
    """The server has used up its memory: it takes no writes, and queues nothing in a MULTI. To delete is allowed."""


class FullError(StoreUnavailableError):
    """The server has used up its memory: it takes no writes, and no reads in a MULTI."""


def no_answer(address: Address, error: Exception) -> StoreError:
    """For one of ``FAILURES``: ``RefusedError`` where the server has no such database, else ``StoreUnavailableError``."""
    if isinstance(error, GreetingRefusedError):
        return _not_let_in(address, error.reply)
    what, next_step = _silence(address, error)
    return StoreUnavailableError(f"{address.name} {what}", next_step=next_step)


def refusal(address: Address, reply: hiredis.ReplyError) -> RefusedError:
    """For a command that the server refused."""
    kind = NoMemoryError if str(reply).startswith("OOM") else RefusedError
    return kind(f"{address.name} {_refused(address, reply)}", next_step=_next_step(reply))


def unreadable(address: Address, reply: hiredis.ReplyError) -> StoreUnavailableError:
    """The same for a reader, to whom a refusal is as good as no answer; ``FullError`` where it may ask in another way."""
    kind = FullError if str(reply).startswith("OOM") else StoreUnavailableError
    return kind(f"{address.name} {_refused(address, reply)}", next_step=_next_step(reply))


def _not_let_in(address: Address, reply: hiredis.ReplyError) -> StoreError:
    if "DB index" in str(reply) or "SELECT is not allowed" in str(reply):
        return RefusedError(f"{address.name} {_refused(address, reply)}", expected="a Redis or Valkey that has the database and is no cluster")
    return unreadable(address, reply)


def _refused(address: Address, reply: hiredis.ReplyError) -> str:
    as_whom = f" (as user {address.username})" if address.username else ""
    return f"refused{as_whom}: {reply}"


def _next_step(reply: hiredis.ReplyError) -> str:
    words = str(reply)
    old = next((step for phrase, step in _OLD_WORDS.items() if phrase in words), "")
    return _NEXT_STEPS.get(words.partition(" ")[0], old)


def _silence(address: Address, error: Exception) -> tuple[str, str]:
    """What to say of a server from which no legible answer came, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not accepted: {error.verify_message}", _OTHER_NAME if "mismatch" in error.verify_message else _UNKNOWN_AUTHORITY
    if address.tls and isinstance(error, ssl.SSLError | ConnectionError) and not isinstance(error, ConnectionRefusedError):
        return f"does not speak TLS ({_reason(error)})", "Unset RECSYS_REDIS_TLS, or name its TLS port"
    if isinstance(error, hiredis.ProtocolError):
        if "\\x15" in str(error) or "\x15" in str(error):
            return "speaks TLS", "Set RECSYS_REDIS_TLS=1"
        return f"does not speak Redis ({error})", "Name the port of a Redis or Valkey"
    return f"does not answer: {_reason(error)}", _about_tls(address, error)


def _about_tls(address: Address, error: Exception) -> str:
    """A server that waits for the other kind of greeting hangs up, or is silent."""
    if address.tls and isinstance(error, TimeoutError):
        return "If it does not speak TLS, unset RECSYS_REDIS_TLS"
    if address.host and not address.tls and isinstance(error, HungUpError | ConnectionResetError):
        return "If it wants TLS, set RECSYS_REDIS_TLS=1"
    return "Start it, or name another: --host, --port" if address.host and isinstance(error, ConnectionRefusedError) else ""


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None)
    return re.sub(r"^_ssl\.c:\d+: ", "", str(reason or error))
