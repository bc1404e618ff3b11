"""A folder of raw files, and the ETL over it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from homefeed.artifacts.processed import ProcessedDataset, read_dataset
from homefeed.config import Config
from homefeed.core.progress import Advance
from homefeed.etl.pipeline import run_etl
from homefeed.etl.report import EtlReport

LOG = [
    "100,u1,i1,1",
    "100,u1,i2,0",
    "200,u2,i1,0",
    "300,u2,i2,1",
    "400,u1,i3,0",
    "500,u3,i1,1",
    "600,u3,i3,0",
    "700,u1,i2,0",
    "800,u2,i3,1",
    "900,u4,i4,0",
]
USERS = ["u1,a,x", "u2,b,y", "u3,a,y", "u9,c,x"]
ITEMS = ["i1,p,q,r", "i2,p,q,s", "i3,o,q,r", "i9,o,z,r"]


@dataclass
class Listener:
    """A progress that remembers what it was told."""

    lines: list[str] = field(default_factory=list)

    def task(self, title: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        return nullcontext(lambda units: None)

    def say(self, line: str) -> None:
        self.lines.append(line)


@dataclass
class Shop:
    """``data``: the folder that holds ``raw_data`` and ``processed``."""

    data: Path
    listener: Listener = field(default_factory=Listener)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def write(self, log: Sequence[str] | bytes = LOG, users: Sequence[str] | bytes = USERS, items: Sequence[str] | bytes = ITEMS) -> Shop:
        raw = self.data / "raw_data"
        raw.mkdir(exist_ok=True, parents=True)
        for name, content in (("shop.dat", log), ("user_feature.dat", users), ("item_feature.dat", items)):
            (raw / name).write_bytes(content if isinstance(content, bytes) else "".join(f"{line}\n" for line in content).encode())
        return self

    def run(self, *, new_map: bool = False, **settings: Any) -> EtlReport:
        config = Config.model_validate({"paths": {"data": str(self.data)}, **settings})
        return run_etl(config, progress=self.listener, now=self.now, new_map=new_map)

    def dataset(self) -> ProcessedDataset:
        return read_dataset(self.processed)

    @property
    def processed(self) -> Path:
        return self.data / "processed"

    def csv(self, name: str) -> list[dict[str, str]]:
        header, *rows = (self.processed / name).read_text().splitlines()
        return [dict(zip(header.split(","), row.split(","), strict=True)) for row in rows]
