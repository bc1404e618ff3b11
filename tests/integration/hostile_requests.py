"""Requests that nobody should send: known tricks by name, and endless ones built from pieces of HTTP and of rubbish."""

from __future__ import annotations

import contextlib
import re
import select
import socket
from random import Random

TRICKS: dict[str, bytes] = {
    "path of no UTF-8": b"GET /recall/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "encoded path of no UTF-8": b"GET /recommend/%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL": b"GET /recall/a%00b HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw NUL": b"GET /recall/a\x00b HTTP/1.1\r\nHost: a\r\n\r\n",
    "query of no UTF-8": b"GET /recall/a?top_k=%ff&x=%00&%ff=%ff HTTP/1.1\r\nHost: a\r\n\r\n",
    "10,000 parameters": b"GET /recall/a?" + b"&".join(b"p%d=1" % n for n in range(6000)) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "10,000 headers": b"GET /recall/a HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n",
    "header of 1 MB": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
    "path of 5,000 bytes": b"GET /recall/" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "path of 100 kB": b"GET /recall/" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "path of 1 MB": b"GET /recall/" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "method of no kind": b"FROBNICATE /recall/a HTTP/1.1\r\nHost: a\r\n\r\n",
    "method with a sign": b"G@T /recall/a HTTP/1.1\r\nHost: a\r\n\r\n",
    "TRACE": b"TRACE /recommend/a HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "body on GET": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
    "chunked body on GET": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "broken chunks": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "length that lies": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello",
    "length beyond all numbers": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "negative length": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length and chunks": b"POST /recall/a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown encoding": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\nhello",
    "absolute address": b"GET http://elsewhere.example/recall/a HTTP/1.1\r\nHost: a\r\n\r\n",
    "broken address": b"GET http://[::1/recall/a HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /recall/a\r\n",
    "HTTP/1.0": b"GET /recall/a HTTP/1.0\r\n\r\n",
    "HTTP/2 by its first words": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "upgrade to HTTP/2": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    "upgrade to a websocket": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhl\r\n\r\n",
    "two in one": b"GET /recall/a HTTP/1.1\r\nHost: a\r\n\r\nGET /recommend/b HTTP/1.1\r\nHost: a\r\n\r\n",
    "expects to be told to go on": b"POST /recall/a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "expects the impossible": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n",
    "two hosts": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /recall/a HTTP/1.1\r\n\r\n",
    "host that is none": b"GET /recall/a HTTP/1.1\r\nHost: \xff a:b:c\r\n\r\n",
    "space before the colon": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
    "folded header": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
    "NUL in a header": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "headers of no text": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nX-Request-ID: \xff\r\nAuthorization: \xff\r\nOrigin: \xff\r\nCookie: \xff\r\n\r\n",
    "two request ids": b"GET /recall/a HTTP/1.1\r\nHost: a\r\nX-Request-ID: one\r\nX-Request-ID: two\r\n\r\n",
    "lines without CR": b"GET /recall/a HTTP/1.1\nHost: a\n\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500,
    "every byte": bytes(range(256)),
    "nothing": b"",
    "half a request": b"GET /recall/a HTTP/1.1\r\nHost: a",
}

# HTTP that parses, whatever it means.
_METHODS = b"GET GET GET GET GET GET HEAD OPTIONS POST PUT DELETE PATCH TRACE CONNECT get X".split(b" ")
_WORDS = b"recommend recommend recommend recall recall health live ready metrics docs openapi.json .. %2e static".split(b" ")
_PIECES = b"ann bob a/b %00 %0a %ff % %zz // .. %C3%AB %ED%A0%80 ; {} %F0%9F%98%80 %22%3c%3e 0123456789 zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz".split(b" ")
_QUERIES = (
    b"top_k=5 top_k= top_k=-1 top_k=1e9 top_k=%D9%A3 top_k[]=1 top_k=1&top_k=2 offset=3 offset=99999 offset=x"
    b" utag1=young likes=tea|milk = && %00=%00 a=%ff zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz=%"
).split(b" ")
_HEADERS = (
    b"Host:|Host: b|Connection: keep-alive, Upgrade|Upgrade: h2c|Upgrade: websocket|Content-Length: 3|Transfer-Encoding: chunked|Expect: 100-continue"
    b'|X-Request-ID: ok-1|X-Request-ID: \xff|X-Request-ID: a\tb|Authorization: Bearer \xff|Authorization: Basic !!|Authorization: Digest a="'
    b"|Origin: null|Origin: \xff|Access-Control-Request-Method: GET|Cookie: a=b; =; \xff|Range: bytes=9-1|If-Modified-Since: \xff|Accept: */*;q=x"
    b'|Accept-Encoding: gzip;q=9|Content-Type: multipart/form-data; boundary=\xff|Content-Type: application/json|Forwarded: for="|X-Forwarded-For: \xff'
).split(b"|")
# HTTP that should not.
_RUDE_METHODS = b"G@T \xff G\tT".split(b" ")
_RUDE_PIECES = b"\xff \x00 \t # \xc3\xab \x7f".split(b" ")
_RUDE_VERSIONS = b"HTTP/2.0 HTTP/9.9 HTTP/1. http/1.1 HTTP".split(b" ")
_RUDE_HEADERS = b"Content-Length: x|Content-Length: 9999|Transfer-Encoding: xchunked|X-Forwarded-For: \x7f|: empty|no colon| folded|Host: \xff".split(b"|")
_BODIES = (b"", b"", b"", b"", b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"zz\r\n", b"\xff" * 50, b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [A-Z]")


def built(random: Random) -> bytes:
    """One request. Of five, about four can be read as HTTP, so that they get past the server to the application."""
    is_rude = random.random() < 0.1
    pieces, headers = [*_PIECES, *(_RUDE_PIECES * is_rude)], [*_HEADERS, *(_RUDE_HEADERS * is_rude)]
    word = random.choice(_WORDS)
    rest = b"/" + b"".join(random.choices(pieces, k=random.randint(1, 3)))
    target = b"/" + word + rest * (word in (b"recommend", b"recall") or random.random() < 0.2)
    if random.random() < 0.5:
        target += b"?" + b"&".join(random.choices(_QUERIES, k=random.randint(0, 4)))
    method = random.choice(_RUDE_METHODS if is_rude and random.random() < 0.3 else _METHODS)
    version = random.choice(_RUDE_VERSIONS) if is_rude and random.random() < 0.3 else random.choice((b"HTTP/1.1",) * 9 + (b"HTTP/1.0",))
    lines = [b" ".join((method, target, version)), b"Host: a", *random.choices(headers, k=random.randint(0, 4))]
    lines += [b"Connection: close"] * (random.random() < 0.95)
    request = b"\r\n".join(lines) + b"\r\n\r\n" + random.choice(_BODIES)
    return _mangled(random, request) if random.random() < 0.1 else request


def statuses(port: int, request: bytes, silence_seconds: float = 0.3) -> list[int]:
    """Of all answers to what was sent in one connection; none where the server hung up, or waits for more after so long a silence."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(request)
        while not said or _ready(connection, silence_seconds):
            if not said and not _ready(connection, 2 * silence_seconds):
                break
            heard = connection.recv(65536)
            if not heard:
                break
            said += heard
    return [int(status) for status in _STATUS.findall(said)]


def _ready(connection: socket.socket, seconds: float) -> bool:
    return bool(select.select([connection], [], [], seconds)[0])


def _mangled(random: Random, data: bytes) -> bytes:
    """Some bytes changed, cut out or doubled."""
    start = random.randrange(len(data))
    end = start + random.randint(0, 8)
    rubbish = (random.randbytes(random.randint(0, 6)), b"", data[start:end] * 2, b"\r\n", b"\x00")
    return data[:start] + random.choice(rubbish) + data[end:]
