"""Settings of a simulated shop from their places: default < preset < TOML file < ``--set``. Every complaint names the place it came from."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from homefeed.core.errors import ConfigError
from homefeed.simulation.shop.presets import PRESETS
from homefeed.simulation.shop.settings import SimulationSettings

Values = dict[str, dict[str, Any]]


def simulation_settings(preset: str, toml: Path | None, flags: Sequence[str]) -> SimulationSettings:
    """``flags``: ``shop.users=2000``, the value written as in TOML. Raises ``ConfigError``."""
    if preset not in PRESETS:
        raise ConfigError(f"There is no preset `{preset}`", expected=", ".join(PRESETS), next_step=_nearest(preset, PRESETS))
    values: Values = {section: dict(knobs) for section, knobs in PRESETS[preset].items()}
    origins: dict[str, str] = {}
    for origin, part in [*([(str(toml), _read(toml))] if toml else []), *(("--set", _flag(flag)) for flag in flags)]:
        _merge(values, part, origin, origins)
    try:
        return SimulationSettings.model_validate(values)
    except ValidationError as error:
        raise _explained(error, origins) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The settings file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def _flag(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise ConfigError(f"--set {text} cannot be read", expected="a knob and its value, such as --set shop.users=2000") from None


def _merge(values: Values, part: dict[str, Any], origin: str, origins: dict[str, str]) -> None:
    for section, knobs in part.items():
        if not isinstance(knobs, dict):
            raise ConfigError(f"{origin}: `{section}` is no section", expected=f"a knob of one: {', '.join(SimulationSettings.model_fields)}")
        values.setdefault(section, {}).update(knobs)
        origins |= {section: origin, **{f"{section}.{knob}": origin for knob in knobs}}


def _explained(error: ValidationError, origins: dict[str, str]) -> ConfigError:
    """The first complaint in full."""
    first = error.errors()[0]
    section, knob = ([str(part) for part in first["loc"]] + [""])[:2]
    key = f"{section}.{knob}" if knob else section
    origin = origins.get(key) or origins.get(section, "the settings")
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{origin}: there is no knob `{key}`", next_step=_nearest(key, _knobs()))
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    shown = f"{key} = {first['input']!r}" if knob else f"[{section}]"
    return ConfigError(f"{origin}: {shown} cannot be used", expected=expected)


def _knobs() -> list[str]:
    sections = SimulationSettings().model_dump()
    return [f"{section}.{knob}" for section, knobs in sections.items() for knob in knobs]


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean `{close[0]}`?" if close else "docs/simulation.md lists every knob"
