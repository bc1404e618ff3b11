"""Settings from their four places: default < TOML file < ``RECSYS_*`` environment < flag. Every complaint names the place it came from."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from homefeed.config import Config, Section
from homefeed.core.errors import ConfigError

PREFIX, FILE_VARIABLE, DEFAULT_FILE = "RECSYS_", "RECSYS_CONFIG", Path("homefeed.toml")
_WHERE_REDIS_IS = ("redis.host", "redis.port", "redis.db")

Origins = dict[str, str]
"""Dotted key -> where its value came from, in the user's words."""


def load_config(toml: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Config:
    """``toml``: the file named by flag, if any. ``overrides``: flags by dotted key (``redis.port``). Raises ``ConfigError``."""
    values: dict[str, Any] = {}
    origins: Origins = {}
    path = _toml_path(toml, environ)
    if path is not None:
        values = _read(path)
        origins |= {key: str(path) for key in _dotted_keys(values)}
    for key, (variable, value) in _from_environment(environ).items():
        _put(values, key, value)
        origins[key] = variable
    for key, value in overrides.items():
        _put(values, key, value)
        origins[key] = f"--{key.rpartition('.')[2].replace('_', '-')}"
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise _explained(error, origins) from None


def redis_named(environ: Mapping[str, str], overrides: Mapping[str, Any]) -> bool:
    """Whether somebody said where Redis is, by flag or environment: then no other store is ever tried."""
    return any(environ.get(_variable(key)) or overrides.get(key) is not None for key in _WHERE_REDIS_IS)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A line for each ``RECSYS_*`` variable that is no setting: a misspelt one would otherwise be without effect, and nobody would know."""
    known = {FILE_VARIABLE, *(_variable(key) for key, _ in _fields(Config))}
    strange = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return [f"{name} is no setting and has no effect. {_nearest(name, sorted(known))}" for name in strange]


def _toml_path(toml: Path | None, environ: Mapping[str, str]) -> Path | None:
    named = toml or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    if named is not None:
        return named
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The settings file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    """Dotted key -> (variable, value), of the variables that are set and not empty."""
    found = {key: (_variable(key), field) for key, field in _fields(Config)}
    return {key: (variable, _split(environ[variable], field)) for key, (variable, field) in found.items() if environ.get(variable)}


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every single setting by its dotted key; a setting that is a table of names has none and stands in the TOML file only."""
    for name, field in model.model_fields.items():
        key, kind = prefix + (field.alias or name), field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _fields(kind, f"{key}.")
        elif get_origin(kind) is not dict:
            yield key, field


def _split(text: str, field: FieldInfo) -> str | list[str]:
    return [part.strip() for part in text.split(",") if part.strip()] if get_origin(field.annotation) is tuple else text


def _variable(key: str) -> str:
    return PREFIX + key.replace(".", "_").upper()


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            return  # the file holds something else where a section belongs; validation says so
    values[name] = value


def _dotted_keys(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield prefix + name
        if isinstance(value, dict):
            yield from _dotted_keys(value, f"{prefix}{name}.")


def _explained(error: ValidationError, origins: Origins) -> ConfigError:
    """The first complaint in full: they are mended one at a time."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    key = next((k for n in range(len(path), 0, -1) if (k := ".".join(path[:n])) in origins), ".".join(path))
    origin = origins.get(key, "the settings")
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{origin}: there is no setting `{key}`", next_step=_did_you_mean(key))
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    field = next((field for known, field in _fields(Config) if known == key), None)
    is_secret = (field and field.annotation is SecretStr) or "@" in str(first["input"])  # the address of a Redis may hold a password
    shown = "(not shown)" if is_secret else repr(first["input"])
    meaning = f" ({field.description})" if field and field.description else ""
    return ConfigError(f"{origin}: {key} = {shown} cannot be used", expected=f"{expected}{meaning}")


def _did_you_mean(key: str) -> str:
    known = {k for k, _ in _fields(Config)} | {"schema.user", "schema.item", "events"}
    known |= {k.rpartition(".")[0] for k in known} - {""}
    same_name = [k for k in sorted(known) if k.rpartition(".")[2] == key.rpartition(".")[2]]
    return _nearest(key, same_name[:1] or sorted(known))


def _nearest(name: str, known: list[str]) -> str:
    close = known if len(known) == 1 else difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean `{close[0]}`?" if close else "docs/config.md lists every setting"
