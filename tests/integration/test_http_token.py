"""A token, asked for over real HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_api import SERVE, Api, environment, published, running
from store_servers import free_port

TOKEN = "s3cret-Token_of.this/shop+1=="
EVERYWHERE = "0.0.0.0"  # noqa: S104
LOCKED, OPEN = ("/recommend/bob", "/recall/bob", "/metrics"), ("/live", "/ready", "/health", "/openapi.json", "/docs")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    data = tmp_path_factory.mktemp("locked")
    with published(data), running(data, RECSYS_API_TOKEN=TOKEN, RECSYS_CORS_ORIGINS="https://shop.example") as api:
        yield api


@pytest.mark.parametrize("path", LOCKED)
def test_what_shows_data_needs_the_token(api: Api, path: str) -> None:
    status, headers, body = api.text(path)
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert '"code":"unauthorized"' in body
    assert api.text(path, Authorization=f"Bearer {TOKEN}")[0] == 200
    assert api.text(path, Authorization=f"bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize("path", OPEN)
def test_probes_and_the_description_need_none(api: Api, path: str) -> None:
    assert api.text(path)[0] == 200


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer x {TOKEN}"])
def test_anything_else_is_refused(api: Api, sent: str) -> None:
    assert api.text("/recommend/bob", Authorization=sent)[0] == 401


@pytest.mark.parametrize("sent", [b"\xff\xfe", "Bearer é".encode(), b"Bearer \xff", b"\t"])
def test_bytes_that_are_no_text_are_refused(api: Api, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(b"GET /recommend/bob HTTP/1.1\r\nHost: api\r\nConnection: close\r\nAuthorization: " + sent + b"\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_a_refusal_tells_nothing_about_the_uid(api: Api) -> None:
    answers = {api.text(path)[0] for path in ("/recommend/bob", "/recommend/nobody", "/recommend/a%00b", "/recommend/bob?top_k=x")}
    assert answers == {401}


def test_a_page_of_the_shop_may_ask_whether_it_may_send_the_token(api: Api) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        words = b"Origin: https://shop.example\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization\r\n"
        connection.sendall(b"OPTIONS /recommend/bob HTTP/1.1\r\nHost: api\r\nConnection: close\r\n" + words + b"\r\n")
        answer = connection.recv(65536).decode().lower()
    assert answer.startswith("http/1.1 200 ")
    assert "access-control-allow-headers: authorization, x-request-id" in answer
    status, headers, _ = api.text("/recommend/bob", Origin="https://shop.example")
    assert (status, headers["Access-Control-Allow-Origin"]) == (401, "https://shop.example")


def test_the_token_is_written_nowhere(api: Api) -> None:
    words = Path(f"/proc/{api.process.pid}/cmdline").read_bytes()
    assert TOKEN.encode() not in words
    assert TOKEN not in api.log.read_text()
    assert "The API is open" not in api.log.read_text()


def test_reasons_of_an_outage_are_told_to_who_has_the_token(tmp_path: Path) -> None:
    with running(tmp_path, RECSYS_API_TOKEN=TOKEN, RECSYS_REDIS_HOST="127.0.0.1", RECSYS_REDIS_PORT=str(free_port())) as api:
        assert "reasons" not in api.get("/health")[1]
        assert "127.0.0.1" in api.text("/health", Authorization=f"Bearer {TOKEN}")[2]


@pytest.mark.parametrize("token", ["two words", "tökén", "line\nbreak"])
def test_a_token_that_no_client_could_send_is_refused_at_the_start_without_being_shown(tmp_path: Path, token: str) -> None:
    environ = environment(tmp_path, RECSYS_API_TOKEN=token, RECSYS_API_PORT=str(free_port()))
    done = subprocess.run([sys.executable, "-c", SERVE], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "RECSYS_API_TOKEN" in done.stderr
    assert token not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("host", "said"), [(EVERYWHERE, EVERYWHERE + ":{port} (every interface of this machine)"), ("127.0.0.1", "127.0.0.1:{port} may")])
def test_without_a_token_the_start_says_that_the_api_is_open_and_where(tmp_path: Path, host: str, said: str) -> None:
    with running(tmp_path, RECSYS_API_HOST=host, RECSYS_API_WORKERS="2") as api:
        assert api.log.read_text().count(f"The API is open: whoever reaches {said.format(port=api.port)}") == 1
