"""Raw ids: opaque UTF-8 strings of 1 to 512 bytes without control characters."""

from __future__ import annotations

import unicodedata

MAX_ID_BYTES = 512


def decode_id(raw: bytes) -> str:
    """The id that these bytes spell.

    Raises ``ValueError`` (with a message fit for the client) when they are empty, too long, not UTF-8 or hold control characters.
    """
    if not raw:
        raise ValueError("the id is empty")
    if len(raw) > MAX_ID_BYTES:
        raise ValueError(f"the id is {len(raw)} bytes long, at most {MAX_ID_BYTES} are allowed")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the id is not valid UTF-8") from None
    if not text.isprintable() and any(unicodedata.category(c) == "Cc" for c in text):
        raise ValueError("the id holds control characters")
    return text
