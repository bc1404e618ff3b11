"""One JSON line for each slate shown, off the request's path: without it nothing can be measured later."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Protocol

from homefeed.core.slate import Slate

logger = logging.getLogger(__name__)

QUEUED = 4096
"""Slates that may wait to be written; more are dropped and counted, so that no request ever waits for a disk."""
_GATHER_SECONDS = 0.01
_WAIT_SECONDS = 0.2
_AT_ONCE = 256
_QUIET_SECONDS = 60.0
"""After so long without a lost line the trouble is over, and a next one is told again."""
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class LineFile(Protocol):
    def append(self, lines: bytes) -> None:
        """Raises ``OSError``."""
        ...


class SlateLog:
    """A queue and a thread that empties it into a file.

    The thread starts with the first slate of a process, since servers fork. It is no daemon: when the process ends in order, after its last answer, it writes
    what still waits and ends too. ``count(outcome, lines)`` hears of lines that were written, or dropped because of ``queue_full`` or ``disk``.
    """

    def __init__(self, file: LineFile, count: Callable[[str, int], None], now: Callable[[], float] = time.time) -> None:
        self._file = file
        self._count = count
        self._now = now
        self._lock = threading.Lock()
        self._pid = 0
        self._queue: SimpleQueue[tuple[float, Slate]] = SimpleQueue()
        self._told: set[str] = set()
        self._lost_at = 0.0

    def add(self, slate: Slate) -> None:
        """Never waits for the disk and never fails."""
        if self._pid != os.getpid():
            self._start()
        if self._queue.qsize() >= QUEUED:
            self._dropped("queue_full", 1, "the disk does not keep up")
        else:
            self._queue.put((self._now(), slate))

    def _start(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._queue = SimpleQueue()
                threading.Thread(target=self._run, name="slate-log", args=(threading.main_thread(),), daemon=False).start()
                self._pid = os.getpid()

    def _run(self, main: threading.Thread) -> None:
        while True:
            going_on = main.is_alive()  # asked before the queue, so that nothing comes between
            slates = self._gather()
            if slates:
                self._write(slates)
            elif not going_on:
                return

    def _gather(self) -> list[tuple[float, Slate]]:
        """What waits; after a short while, so that a busy server writes often but not for every slate."""
        try:
            slates = [self._queue.get(timeout=_WAIT_SECONDS)]
        except Empty:
            return []
        time.sleep(_GATHER_SECONDS)
        while len(slates) < _AT_ONCE and not self._queue.empty():
            slates.append(self._queue.get())
        return slates

    def _write(self, slates: list[tuple[float, Slate]]) -> None:
        lines = "".join([slate_line(ts, slate) for ts, slate in slates]).encode()
        try:
            self._file.append(lines)
        except OSError as error:
            self._dropped("disk", len(slates), error.strerror or str(error))
        else:
            self._count("written", len(slates))
            if self._told and time.monotonic() - self._lost_at > _QUIET_SECONDS:
                logger.warning("The slate log is written again.")
                self._told.clear()

    def _dropped(self, outcome: str, lines: int, why: str) -> None:
        self._count(outcome, lines)
        self._lost_at = time.monotonic()
        if outcome not in self._told:
            self._told.add(outcome)
            logger.error("Lines of the slate log are lost: %s. homefeed_slate_log_lines_total counts them; serving goes on.", why)


def slate_line(ts: float, slate: Slate) -> str:
    """``ts``: Unix seconds. ``items``, ``positions``, ``scores`` and ``sources`` run beside each other."""
    line = {
        "ts": round(ts, 3),
        "request_id": slate.request_id,
        "release": slate.release,
        "uid": slate.uid,
        "stage": slate.stage,
        "is_cold_start": slate.is_cold_start,
        "items": [item.item_id for item in slate.items],
        "positions": [item.position for item in slate.items],
        "scores": [round(item.score, 7) for item in slate.items],
        "sources": [item.source for item in slate.items],
        "degraded": slate.degraded,
    }
    return _encode(line) + "\n"
