"""The embedded store of a shop, which its last user leaves behind for a moment."""

from __future__ import annotations

import os
import time

from benchmarks.process import Workplace
from homefeed.core.errors import HomefeedError
from homefeed.store.embedded_keeper import KEEPER, try_lock

_STOP_SECONDS, _POLL_SECONDS = 20.0, 0.01


def wait_for_store(place: Workplace) -> None:
    """Until its keeper has ended: a start would wait for it, and a folder in which it still saves cannot be deleted. Raises ``HomefeedError``."""
    folder, deadline = place.data / "store", time.monotonic() + _STOP_SECONDS
    if not folder.exists():
        return
    while (lock := try_lock(folder / KEEPER)) is None:
        if time.monotonic() > deadline:
            raise HomefeedError(f"The embedded store in {folder} did not end")
        time.sleep(_POLL_SECONDS)
    os.close(lock)
