"""Text from a raw file, or from whoever wrote it, as a terminal may show it."""

from __future__ import annotations

SHOWN_CHARACTERS = 80


def shown(text: str) -> str:
    """The beginning of a text, with what a terminal must not be sent written as an escape."""
    head = text[:SHOWN_CHARACTERS]
    visible = "".join(sign if sign.isprintable() else sign.encode("unicode_escape", "replace").decode() for sign in head)
    return visible + "…" * (len(text) > SHOWN_CHARACTERS)
