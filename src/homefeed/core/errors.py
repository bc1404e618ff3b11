"""What a user is told when something is wrong: what, where, what was expected, what to do next."""

from __future__ import annotations


class HomefeedError(Exception):
    """A mistake the user can mend. The command line prints it without a traceback and exits 1."""

    def __init__(self, what: str, *, expected: str = "", next_step: str = "") -> None:
        self.what = what
        self.expected = expected
        self.next_step = next_step
        parts = [_sentence(what)]
        if expected:
            parts.append(_sentence(f"Expected {expected}"))
        if next_step:
            parts.append(_sentence(next_step))
        super().__init__(" ".join(parts))


class ConfigError(HomefeedError):
    """A setting cannot be read."""


class InputError(HomefeedError):
    """A raw file cannot be used."""


class ArtifactError(HomefeedError):
    """A file that an earlier step should have left is missing, broken or of another shop."""


class StoreError(HomefeedError):
    """The store cannot be used as asked."""


class StoreUnavailableError(StoreError):
    """The store does not answer."""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", ":")) else f"{text}."
