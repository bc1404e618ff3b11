"""Where another separator would read a file about as well as the one that was taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from homefeed.core.errors import InputError
from homefeed.etl.dialect import NAMES, SEPARATORS, Affinity
from homefeed.etl.raw_tables import Opened
from homefeed.etl.reading import Reading

NEARLY = 0.05

Open = Callable[[Reading], Opened]


def separator_ties(open_as: Open, probe: str, affinity: Affinity, reading: Reading) -> list[str]:
    """A warning where rows have the right width under several separators, and the ``probe`` column makes as much sense.

    ``reading.work`` must not be the folder of a file that is still to be read: opening it another way replaces the copies in there.
    """
    fitting = [opened for opened in _each_fitting(open_as, reading) if not opened.dialect.file.is_parquet]
    if len(fitting) < 2 or reading.separator:
        return []
    sense = [affinity(opened.sample.column(opened.dialect.columns.index(probe))) for opened in fitting]
    near = [NAMES[opened.dialect.separator] for opened, share in zip(fitting, sense, strict=True) if share >= max(sense) - NEARLY]
    taken = open_as(reading).dialect
    if len(near) < 2:
        return []
    return [f"{taken.path.name} can be read as {' and '.join(near)} separated; {NAMES[taken.separator]} was taken. Another one: --separator"]


def _each_fitting(open_as: Open, reading: Reading) -> Iterator[Opened]:
    for separator in SEPARATORS:
        with suppress(InputError):  # this one does not fit
            yield open_as(replace(reading, separator=separator))
