"""Which place wins, and what a user is told about a mistake."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from homefeed.bootstrap.settings import load_config, redis_named, unknown_variables
from homefeed.config import Config
from homefeed.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "homefeed.toml") -> Path:
    path = Path(name)
    path.write_text(text)
    return path


def test_without_any_word_the_contracts_defaults_hold() -> None:
    config = load_config(None, {}, {})
    assert config == Config()
    assert (config.redis.host, config.redis.port, config.redis.db, config.api.host, config.api.port) == ("localhost", 6379, 1, "0.0.0.0", 8000)  # noqa: S104


def test_each_place_overrides_the_one_before() -> None:
    write("[redis]\nhost = 'toml'\nport = 1\ndb = 2\n")
    environ = {"RECSYS_REDIS_PORT": "7", "RECSYS_REDIS_DB": "8"}
    redis = load_config(None, environ, {"redis.db": 9}).redis
    assert (redis.host, redis.port, redis.db) == ("toml", 7, 9)


def test_a_named_file_wins_over_the_variable_and_the_variable_over_the_working_directory() -> None:
    write("[api]\nport = 1\n")
    by_variable = write("[api]\nport = 2\n", "b.toml")
    by_flag = write("[api]\nport = 3\n", "c.toml")
    environ = {"RECSYS_CONFIG": str(by_variable)}
    ports = [load_config(None, {}, {}).api.port, load_config(None, environ, {}).api.port, load_config(by_flag, environ, {}).api.port]
    assert ports == [1, 2, 3]


@pytest.mark.parametrize(
    ("variable", "text", "section", "name", "expected"),
    [
        ("RECSYS_API_PORT", "8123", "api", "port", 8123),
        ("RECSYS_PATHS_DATA", "elsewhere", "paths", "data", Path("elsewhere")),
        ("RECSYS_CORS_ORIGINS", "https://a.example, https://b.example", None, "cors_origins", ("https://a.example", "https://b.example")),
        ("RECSYS_MAX_RELEASE_AGE", "90m", None, "max_release_age", timedelta(minutes=90)),
        ("RECSYS_RANK_HIDDEN", "32,16", "rank", "hidden", (32, 16)),
        ("RECSYS_HOTNESS_HALF_LIFE_DAYS", "1.5", "hotness", "half_life_days", 1.5),
        ("RECSYS_SEEN", "keep", None, "seen", "keep"),
        ("RECSYS_REDIS_HOST", "", "redis", "host", "localhost"),
    ],
)
def test_every_setting_has_a_variable(variable: str, text: str, section: str | None, name: str, expected: Any) -> None:
    config = load_config(None, {variable: text}, {})
    assert getattr(getattr(config, section) if section else config, name) == expected


def test_the_schema_of_a_file_replaces_the_default() -> None:
    write("[schema.user]\nage = 'number'\n[schema.item]\ngenres = {kind = 'multi', separator = ';'}\navailable = 'category'\n[events]\nview = 0\nbuy = 5\n")
    schema = load_config(None, {}, {}).shop_schema()
    assert [(c.name, c.kind) for c in schema.user] == [("age", "number")]
    assert [(c.name, c.kind, c.separator) for c in schema.item] == [("genres", "multi", ";"), ("available", "flag", "|")]
    assert schema.events == {"view": 0, "buy": 5}


@pytest.mark.parametrize(
    ("toml", "environ", "overrides", "said"),
    [
        ("[redis]\nprot = 1\n", {}, {}, r"homefeed\.toml: there is no setting `redis\.prot`\. Did you mean `redis\.port`\?"),
        ("[reddis]\nport = 1\n", {}, {}, r"homefeed\.toml: there is no setting `reddis`\. Did you mean `redis`\?"),
        ("port = 1\n", {}, {}, r"there is no setting `port`\. Did you mean `api\.port`\?"),
        ("", {"RECSYS_REDIS_PORT": "abc"}, {}, r"RECSYS_REDIS_PORT: redis\.port = 'abc' cannot be used\. Expected a valid integer"),
        ("", {"RECSYS_REDIS_PORT": "99999"}, {}, r"RECSYS_REDIS_PORT.*99999.*less than or equal to 65535"),
        ("[etl]\nsplit = 'random'\n", {}, {}, r"homefeed\.toml: etl\.split = 'random' cannot be used\. Expected 'global' or 'per-user'"),
        ("", {"RECSYS_MAX_RELEASE_AGE": "soon"}, {}, r"RECSYS_MAX_RELEASE_AGE: max_release_age = 'soon'.*48h, 90m, 2d"),
        ("", {}, {"export.list_size": 400}, r"--list-size: export\.list_size = 400 cannot be used"),
        ("[schema.user]\nage = 'numbr'\n", {}, {}, r"homefeed\.toml: schema\.user\.age = 'numbr' cannot be used"),
        ("[redis\n", {}, {}, r"homefeed\.toml is not TOML"),
        ("", {"RECSYS_CONFIG": "gone.toml"}, {}, r"gone\.toml cannot be read"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_was_expected(toml: str, environ: dict[str, str], overrides: dict[str, Any], said: str) -> None:
    write(toml)
    with pytest.raises(ConfigError, match=said):
        load_config(None, environ, overrides)


def test_redis_is_named_by_flag_or_variable_only() -> None:
    assert not redis_named({"RECSYS_REDIS_TIMEOUT_MS": "9", "RECSYS_REDIS_HOST": ""}, {"api.port": 1})
    assert redis_named({"RECSYS_REDIS_DB": "0"}, {})
    assert redis_named({}, {"redis.host": "h"})


def test_a_misspelt_variable_is_told_beside_the_one_that_was_meant() -> None:
    said = unknown_variables({"RECSYS_REDS_HOST": "x", "RECSYS_REDIS_PORT": "1", "RECSYS_CONFIG": "f.toml", "PATH": "/bin"})
    assert said == ["RECSYS_REDS_HOST is no setting and has no effect. Did you mean `RECSYS_REDIS_HOST`?"]


@pytest.mark.parametrize("environ", [{"RECSYS_REDIS_HOST": "rediss://me:hunter2@redis.internal:6379"}, {"RECSYS_REDIS_PORT": "me:hunter2@redis.internal"}])
def test_a_password_in_the_address_of_a_redis_is_refused_and_not_shown(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"RECSYS_REDIS_\w+: redis\.\w+ = \(not shown\) cannot be used") as told:
        load_config(None, environ, {})
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("key", ["api.token", "redis.password"])
def test_a_secret_is_shown_by_no_complaint_and_no_repr(key: str) -> None:
    section, name = key.split(".")
    write(f"[{section}]\n{name} = 12345678\n")
    with pytest.raises(ConfigError, match=rf"{section}\.{name} = \(not shown\) cannot be used") as told:
        load_config(None, {}, {})
    assert "12345678" not in str(told.value)
    write(f"[{section}]\n{name} = '12345678'\n")
    assert "12345678" not in repr(load_config(None, {}, {}))
