"""What processes hold, from Linux's /proc: memory, open files, threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.memory import descendants

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Held:
    """At one moment. ``api``: the server's parent and its workers together; ``workers``: their process ids."""

    api_bytes: int
    store_bytes: int
    files: int
    threads: int
    workers: tuple[int, ...]


def held(api: int, store: int) -> Held:
    """``api``: id of the process that was started; ``store``: of the store's server. Raises ``OSError`` when one of them has ended."""
    workers = descendants(api)
    family = [api, *workers]
    return Held(_sum(family, "VmRSS"), _sum([store], "VmRSS"), sum(_files(pid) for pid in family), _sum(family, "Threads"), tuple(workers))


def server_in(folder: Path) -> int:
    """Id of the embedded Valkey that runs in ``folder``. Raises ``LookupError`` when none does."""
    for process in _PROC.iterdir():
        if process.name.isdecimal() and _is_server(process) and _folder_of(process) == folder.resolve():
            return int(process.name)
    raise LookupError(f"no Valkey runs in {folder}")


def _is_server(process: Path) -> bool:
    try:
        return "valkey-server" in (process / "cmdline").read_text().split("\0")[0]
    except OSError:
        return False


def _folder_of(process: Path) -> Path | None:
    try:
        return (process / "cwd").resolve()
    except OSError:
        return None


def _sum(pids: Sequence[int], name: str) -> int:
    """Of a line of ``status``; memory, which it holds in kB, in bytes."""
    lines = (dict(line.split(":\t", 1) for line in (_PROC / str(pid) / "status").read_text().splitlines() if ":\t" in line)[name] for pid in pids)
    return sum(int(words[0]) * (1024 if words[1:] == ["kB"] else 1) for words in map(str.split, lines))


def _files(pid: int) -> int:
    return len(list((_PROC / str(pid) / "fd").iterdir()))
