"""User, password and TLS as a managed Redis wants them: what suffices, what is told when it does not, and what is never told."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store_cases import export, roll_back
from store_servers import REDIS_SERVER, Server, free_port, real_redis

from homefeed.config import RedisConfig
from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.store.connection import Store, connect
from homefeed.store.location import StoreLocation, write_store_file

SECRET = "correct horse 'battery' \"staple\" ü"
RIGHTS = re.findall(r"^ACL SETUSER (\S+) on >\S+ (.*)$", (Path(__file__).parents[2] / "docs" / "store.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis with a password, and the two users of docs/store.md."""
    with real_redis(tmp_path_factory.mktemp("guarded")) as server:
        admin = server.admin()
        for name, rights in RIGHTS:
            admin.execute_command("ACL", "SETUSER", name, "on", f">{SECRET}", *rights.split())
        admin.execute_command("ACL", "SETUSER", "no-rights", "on", f">{SECRET}")
        admin.execute_command("ACL", "SETUSER", "default", "resetpass", f">{SECRET}")
        yield server


def asks(store: Store) -> list[Any]:
    return [store.reader().read_release, lambda: store.reader().read_list(1, 1), store.releases, store.writer("a1b2c3").begin]


def test_a_password_alone_and_a_user_with_one_both_let_in(guarded: Server) -> None:
    for login in ({"password": SECRET}, {"username": "homefeed-export", "password": SECRET}):
        with guarded.connect(**login) as store:
            export(store, 1, [1])
            live = store.releases().live
            assert live is not None
            assert live.id == "r1"


def test_the_documented_rights_suffice_for_export_rollback_status_and_api(guarded: Server) -> None:
    names = [name for name, _ in RIGHTS]
    assert names == ["homefeed-export", "homefeed-api"]
    with guarded.connect(username=names[0], password=SECRET) as store:
        for number in (1, 2, 3):
            export(store, number, range(1, 300))
        assert roll_back(store).id == "r2"
        releases = store.releases()
        assert releases.live is not None
        assert releases.previous is not None
    with guarded.connect(username=names[1], password=SECRET) as api:
        reader = api.reader()
        live = reader.read_release()
        assert live is not None
        assert live.previous is not None
        assert reader.read_list(1, 1).release_id == "r2"
        assert reader.read_list(1, 1, db=live.previous.db).release_id == "r3"
        with pytest.raises(StoreError, match="NOPERM"):
            export(api, 4, [1])


def test_without_the_right_to_read_the_configuration_databases_are_tried(guarded: Server) -> None:
    rights = RIGHTS[0][1].replace("+config|get", "")
    guarded.admin(password=SECRET).execute_command("ACL", "SETUSER", "managed", "on", f">{SECRET}", *rights.split())
    with guarded.connect(username="managed", password=SECRET) as store:
        export(store, 5, [1])
        export(store, 6, [1])
        assert roll_back(store).id == "r5"


@pytest.mark.parametrize(
    ("login", "told"),
    [
        ({}, r"refused: NOAUTH.*Set RECSYS_REDIS_PASSWORD"),
        ({"password": "wrong"}, r"refused: WRONGPASS.*Set RECSYS_REDIS_USERNAME and RECSYS_REDIS_PASSWORD"),
        ({"username": "nobody", "password": SECRET}, r"refused \(as user nobody\): WRONGPASS.*RECSYS_REDIS_USERNAME"),
        ({"username": "homefeed-export"}, r"refused \(as user homefeed-export\): WRONGPASS.*RECSYS_REDIS_PASSWORD"),
        ({"username": "no-rights", "password": SECRET}, r"refused \(as user no-rights\): NOPERM.*rights that docs/store.md lists"),
    ],
)
def test_a_login_that_is_refused_is_one_line_with_the_next_step(guarded: Server, login: dict[str, str], told: str) -> None:
    with guarded.connect(**login) as store:
        for ask in asks(store):
            with pytest.raises(StoreError, match=told) as caught:
                ask()
            assert "\n" not in str(caught.value)
            assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_password_where_none_is_wanted_says_so(server: Server) -> None:
    with server.connect(password=SECRET) as store:
        for ask in asks(store):
            with pytest.raises(StoreUnavailableError, match=r"Unset RECSYS_REDIS_PASSWORD"):
                ask()


def test_the_password_is_in_no_repr_record_or_log(guarded: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    config = RedisConfig.model_validate({"password": SECRET, "port": guarded.place.port})
    with connect(guarded.at(), 5.0, config) as store:
        export(store, 7, [1])
        reader, writer = store.reader(), store.writer("a1b2c3")
        reader.read_release()
        write_store_file(tmp_path / "store.json", store.location)
        shown = [repr(thing) for thing in (config, store, store.address, reader, writer)] + [str(config), config.model_dump_json(), caplog.text]
    assert json.loads((tmp_path / "store.json").read_text()) == {"kind": "redis", "host": "127.0.0.1", "port": guarded.place.port, "db": 1}
    assert [text for text in shown if SECRET in text or "battery" in text] == []


@contextmanager
def tls_redis(folder: Path) -> Iterator[tuple[Server, Path]]:
    """A Redis that speaks TLS alone, and the certificate of the authority that signed its own."""
    _certificates(folder)
    port = free_port()
    words = [
        "--tls-port",
        str(port),
        "--tls-cert-file",
        "server.pem",
        "--tls-key-file",
        "server.key",
        "--tls-ca-cert-file",
        "ca.pem",
        "--tls-auth-clients",
        "no",
    ]
    with real_redis(folder, *words, "--requirepass", SECRET, cwd=folder) as plain:
        yield Server(replace(plain.place, host="localhost", port=port)), folder / "ca.pem"


def _certificates(folder: Path) -> None:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=a test's authority", "-days", "2")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-out", "server.pem", "-days", "2"
    )


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    if REDIS_SERVER is None:
        pytest.skip("redis-server is not installed")
    with tls_redis(tmp_path_factory.mktemp("tls")) as found:
        yield found


def test_a_server_that_speaks_tls_is_exported_to_and_read_from(tls: tuple[Server, Path]) -> None:
    server, authority = tls
    with connect(server.at(), 5.0, RedisConfig.model_validate({"password": SECRET, "tls": True, "tls_ca_file": authority})) as store:
        for number in (1, 2):
            export(store, number, range(1, 500))
        assert roll_back(store).id == "r1"
        reader = store.reader()
        assert [reader.read_list(7, 1).item_ids for _ in range(3)] == [[b"r1-u7-0"]] * 3


@pytest.mark.parametrize(
    ("host", "login", "told"),
    [
        ("localhost", {"tls": True}, r"certificate that is not accepted: .*RECSYS_REDIS_TLS_CA_FILE"),
        ("127.0.0.1", {"tls": True, "ours": True}, r"not accepted: .*127\.0\.0\.1.*Name the host as the certificate does"),
        ("localhost", {}, r"(speaks TLS|wants TLS).*RECSYS_REDIS_TLS=1"),
        ("localhost", {"tls": True, "ours": True, "password": "wrong"}, r"refused: WRONGPASS"),
    ],
)
def test_what_tls_refuses_is_one_line_with_the_next_step(tls: tuple[Server, Path], host: str, login: dict[str, Any], told: str) -> None:
    server, authority = tls
    settings = {"password": SECRET, "tls_ca_file": authority if login.get("ours") else None} | {key: value for key, value in login.items() if key != "ours"}
    with connect(replace(server.at(), host=host), 5.0, RedisConfig.model_validate(settings)) as store:
        for ask in asks(store):
            with pytest.raises(StoreUnavailableError, match=told) as caught:
                ask()
            assert "\n" not in str(caught.value)
            assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_tls_to_a_server_that_does_not_speak_it_is_said(redis_server: Server) -> None:
    with connect(redis_server.at(), 0.5, RedisConfig(tls=True)) as store:
        for ask in asks(store):
            with pytest.raises(StoreUnavailableError, match=r"(?i)unset RECSYS_REDIS_TLS"):
                ask()


@pytest.mark.parametrize("content", [None, "this is no certificate"])
def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(StoreError, match=rf"authority in {path} cannot be read.*RECSYS_REDIS_TLS_CA_FILE"):
        connect(StoreLocation("redis", 1, "localhost", 6379), 1.0, RedisConfig(tls=True, tls_ca_file=path))
