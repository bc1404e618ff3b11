"""`homefeed demo`: a made-up shop from its logs to a live feed, and what that feed is truly worth: the simulator knows."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import numpy as np

from homefeed.bootstrap import jobs
from homefeed.config import Config
from homefeed.core.errors import HomefeedError
from homefeed.core.progress import Progress
from homefeed.simulation.judge import sample_uids, true_rates
from homefeed.simulation.making import DEMO_SEED, demo_world
from homefeed.simulation.shop_files import write_shop
from homefeed.simulation.traffic import demo_log
from homefeed.simulation.world import World
from homefeed.store.location import StoreLocation

JUDGED_ACTIVE, JUDGED_BY_TAGS = 500, 200
START_SECONDS = 30
STRANGER = "a-stranger"
SHOWN = 5


def demo(config: Config, progress: Progress, *, serve: bool) -> None:
    """Everything lies under ``paths.data``; no other store than the embedded one in there is used."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended like by Ctrl-C, so that the API ends with it
    world = demo_world(DEMO_SEED)
    with progress.task("Demo shop", None, "impressions") as advance:
        log = demo_log(world, DEMO_SEED)
        write_shop(config.paths.raw, world, log)
        advance(len(log.ts))
    location = StoreLocation("embedded", config.redis.db, folder=config.paths.embedded_store)
    jobs.run(config, progress, location, new_map=True, adopt=True)
    with _api(config, progress) as (server, url):
        _show(world, url, progress, "Try it:" if serve else f"Try it, once it serves again (homefeed serve --data {config.paths.data}):")
        if serve:
            progress.say("Serving until Ctrl-C.")
            with suppress(KeyboardInterrupt):  # the way to end it
                server.wait()


def _show(world: World, url: str, progress: Progress, invitation: str) -> None:
    """A few slates, what all of them are worth, and lines to paste."""
    active, silent = world.user_ids[world.is_active()][:2].tolist(), world.user_ids[~world.is_active()][:1].tolist()
    people = [(f"user {uid}", uid) for uid in active] + [(f"user {uid}, known by tags alone", uid) for uid in silent] + [("a stranger (cold start)", STRANGER)]
    tags = dict(zip(world.item_ids.tolist(), _tag_names(world), strict=True))
    for title, uid in people:
        _say_slate(title, _get(f"{url}/recommend/{quote(uid, safe='')}?top_k={SHOWN}"), tags, progress)
    _say_worth(world, url, progress)
    progress.say(f"\n{invitation}")
    for path in ("/health", f"/recall/{active[0]}?top_k=5", f"/recommend/{active[0]}?top_k=5", f"/recommend/{STRANGER}?top_k=5"):
        progress.say(f"  curl '{url}{path}'")


def _say_slate(title: str, answer: Mapping[str, Any], tags: Mapping[str, str], progress: Progress) -> None:
    progress.say(f"\n{title}")
    for position, item in enumerate(answer["items"], start=1):
        progress.say(f"  {position}. {item['id']:<20}  pCTR {item['p_click']:.3f}  from {item['source']:<4}  {tags[item['id']]}")


def _say_worth(world: World, url: str, progress: Progress) -> None:
    uids = sample_uids(world, JUDGED_ACTIVE, JUDGED_BY_TAGS, np.random.default_rng(DEMO_SEED))
    rates = true_rates(world, _slates(url, uids), _get(f"{url}/recall/{STRANGER}?top_k=10")["items"])
    progress.say("\nTrue click rate of ten-item slates on the day after the log; the simulator knows it, the feed does not.")
    for name, group in (("active in the log", rates.active), ("known by tags alone", rates.by_tags_alone)):
        if group:
            low, high = group.closed_interval
            closed = f"{group.closed:.0%} ({low:.0%} to {high:.0%})"
            progress.say(
                f"  {group.users} users {name}: random {group.random:.3f}, hot {group.hot:.3f}, homefeed {group.ours:.3f}, best possible {group.best:.3f}"
            )
            progress.say(f"    of the gap between random and best, homefeed closes {closed}, the hot list {group.hot_closed:.0%}")


def _tag_names(world: World) -> list[str]:
    """``itag1 7 · itag2 103 · itag3 2``: the number of each tag's value, shorter to read than the raw tag."""
    return [" · ".join(f"itag{n} #{value}" for n, value in enumerate(row, start=1)) for row in world.item_tags.tolist()]


def _slates(url: str, uids: Sequence[str]) -> dict[str, list[str]]:
    def ids(uid: str) -> list[str]:
        return [item["id"] for item in _get(f"{url}/recommend/{quote(uid, safe='')}?top_k=10")["items"]]

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(uids, pool.map(ids, uids), strict=True))


@contextmanager
def _api(config: Config, progress: Progress) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The API as its own process, as a user would start it, but out of reach of the user's other settings; ended when the demo ends."""
    port = _port(config)
    url = f"http://127.0.0.1:{port}"
    data, models = config.paths.data.absolute(), config.paths.models.absolute()
    flags = ["--data", str(data), "--models", str(models), "--api-host", "127.0.0.1", "--api-port", str(port)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "homefeed", "serve", *flags], cwd=data, env=environ) as server:
        try:
            _wait_for(url, server)
            progress.say(f"API at {url}, ready after {time.perf_counter() - started:.1f} s")
            yield server, url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def _port(config: Config) -> int:
    """The configured port, or a free one where that is taken."""
    for port in (config.api.port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise HomefeedError("No port is free on 127.0.0.1")


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(START_SECONDS * 20):
        if server.poll() is not None:
            raise HomefeedError("The API ended while it started", next_step="Its last lines above say why")
        try:
            _get(f"{url}/health")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    raise HomefeedError(f"The API did not answer within {START_SECONDS} s", next_step="Its last lines above say why")


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - our own address
        return json.load(answer)
