"""A thread that notices new releases and a store that is out or back, so that no request has to find out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from threading import Event, Lock, Thread

from homefeed.core.errors import StoreError, StoreUnavailableError
from homefeed.serving.breaker import CircuitBreaker
from homefeed.serving.holder import ReleaseHolder
from homefeed.serving.incidents import Incidents

logger = logging.getLogger(__name__)

_SECONDS = 1.0
_SECONDS_WHILE_OUT = 0.25


class ReleaseWatcher:
    """The only one who asks while the breaker is open. Starts lazily in the process that serves: a server may import the application before it forks,
    and threads do not survive that.

    ``revive``: starts a store that is ours to start, unless it runs; called when it does not answer.
    """

    def __init__(self, releases: ReleaseHolder, breaker: CircuitBreaker, revive: Callable[[], None], interval_seconds: float = _SECONDS) -> None:
        self._releases = releases
        self._breaker = breaker
        self._revive = revive
        self._interval_seconds = interval_seconds
        self._incidents = Incidents()
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
                if error := self._releases.start():
                    self._breaker.open(error)
                self._thread = Thread(target=self._watch, name="release-watcher", daemon=True)
                self._thread.start()
                self._pid = os.getpid()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        answers = not self._breaker.is_open
        while not self._stop.wait(self._interval_seconds if answers else min(self._interval_seconds, _SECONDS_WHILE_OUT)):
            try:
                answers = self._look()
            except Exception as error:
                if self._incidents.is_news(error):
                    logger.exception("Watching the store failed in a way that nobody foresaw; it goes on")

    def _look(self) -> bool:
        """Whether the store answers."""
        try:
            self._releases.refresh()
        except StoreUnavailableError as error:
            self._breaker.failed(error)
            self._try_to_revive()
            return False
        except StoreError as error:
            self._breaker.close()  # it answers, if only with a record that cannot be read
            if self._incidents.is_news(error):
                logger.error("%s", error)
        else:
            self._breaker.close()
        return True

    def _try_to_revive(self) -> None:
        try:
            self._revive()
        except StoreError as error:
            if self._incidents.is_news(error):
                logger.error("%s", error)
