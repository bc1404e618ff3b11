"""A thread that notices new releases, so that strangers and /health meet them too."""

from __future__ import annotations

import logging
import os
from threading import Event, Lock, Thread

from homefeed.core.errors import StoreError
from homefeed.serving.releases import ReleaseHolder

logger = logging.getLogger(__name__)


class ReleaseWatcher:
    """Starts lazily in the process that serves: a server may import the application before it forks, and threads do not survive that."""

    def __init__(self, releases: ReleaseHolder, interval_seconds: float = 1.0) -> None:
        self._releases = releases
        self._interval_seconds = interval_seconds
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None
        self._pid = 0

    def ensure_running(self) -> None:
        """Load a release and begin to watch, once a process; afterwards this costs one comparison."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._releases.start()
                self._thread = Thread(target=self._watch, name="release-watcher", daemon=True)
                self._thread.start()
                self._pid = os.getpid()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        answers = True
        while not self._stop.wait(self._interval_seconds):
            try:
                self._releases.refresh()
            except StoreError as error:
                if answers:
                    logger.warning("%s", error)
                answers = False
            else:
                if not answers:
                    logger.warning("The store answers again.")
                answers = True
