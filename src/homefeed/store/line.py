"""One connection to one server, on which every wait ends at a moment on the clock, however slowly the server trickles.

A client library's timeouts start anew with every byte, and its greeting costs round trips; here login and database travel in front of the first commands.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import hiredis

from homefeed.store.address import Address
from homefeed.store.packing import command

_READ_BYTES = 65_536


class HungUpError(ConnectionError):
    """The server closed the connection."""


class GreetingRefusedError(Exception):
    """The server refused the login or the database. ``reply``: in its own words."""

    def __init__(self, reply: hiredis.ReplyError) -> None:
        super().__init__(str(reply))
        self.reply = reply


class Line:
    """Not for use by several threads. After any exception of ``ask`` there is nothing left to do but ``close``.

    Raises ``OSError`` (``TimeoutError`` at the deadline, in seconds of ``time.monotonic``), ``hiredis.ProtocolError`` for bytes that are not Redis's, and
    ``GreetingRefusedError``.
    """

    def __init__(self, address: Address, deadline: float) -> None:
        self._greeting = address.login + (command(b"SELECT", address.db) if address.db else b"")
        self._greetings = bool(address.login) + bool(address.db)
        self._replies = hiredis.Reader(notEnoughData=_MORE)
        self._socket = _connected(address, deadline)

    def ask(self, packed: bytes, count: int, deadline: float) -> list[Any]:
        """The ``count`` replies to commands that are packed already; what the server refused is a ``hiredis.ReplyError`` among them."""
        greetings, self._greetings = self._greetings, 0
        self._socket.settimeout(_left(deadline))
        self._socket.sendall(self._greeting + packed)  # its timeout is for the whole
        self._greeting = b""
        for _ in range(greetings):
            if isinstance(reply := self._reply(deadline), hiredis.ReplyError):
                raise GreetingRefusedError(reply)
        return [self._reply(deadline) for _ in range(count)]

    def close(self) -> None:
        self._socket.close()

    def _reply(self, deadline: float) -> Any:
        while (reply := self._replies.gets()) is _MORE:
            self._socket.settimeout(_left(deadline))
            received = self._socket.recv(_READ_BYTES)
            if not received:
                raise HungUpError("it hung up")
            self._replies.feed(received)
        return reply


_MORE = object()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _connected(address: Address, deadline: float) -> socket.socket:
    if address.path:
        return _opened(socket.AF_UNIX, address.path, _left(deadline))
    plain = _reached(address, deadline)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.tls is None:
        return plain
    try:
        plain.settimeout(_left(deadline))  # for the whole handshake
        return address.tls.wrap_socket(plain, server_hostname=address.host)
    except BaseException:
        plain.close()
        raise


def _reached(address: Address, deadline: float) -> socket.socket:
    """The first of a name's addresses that takes us; those that stay silent share the time."""
    places = _resolved(address, deadline)
    for waiting in range(len(places), 1, -1):
        family, *_, place = places[-waiting]
        with suppress(OSError):  # the last one's error is told
            return _opened(family, place, _left(deadline) / waiting)
    family, *_, place = places[-1]
    return _opened(family, place, _left(deadline))


def _opened(family: int, place: Any, seconds: float) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(seconds)
        opened.connect(place)
    except BaseException:
        opened.close()
        raise
    return opened


def _resolved(address: Address, deadline: float) -> list[Any]:
    """The system's look-up of a name knows no deadline: it runs beside, and is left behind when it takes too long."""
    found: SimpleQueue[list[Any] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.put(error if isinstance(error, OSError) else OSError(str(error)))

    Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        places = found.get(timeout=_left(deadline))
    except Empty:
        raise TimeoutError(f"timed out looking up {address.host}") from None
    if isinstance(places, OSError):
        raise places
    return places
