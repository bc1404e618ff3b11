"""Fresh items' share of a list: which of them a user gets is a draw that release and user decide, at export and at request time alike."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]


def drawn_places(scores: Floats, n: int, release_id: str, uid: str) -> Places:
    """intp[n] at most: places in ``scores`` f32[F] of the items that this user gets in this release, first drawn first.

    ``scores``: the recall model's for this user, -inf for what must not be drawn. Each draw takes one of the items that are left, with chances that go with
    the exponentials of their scores (Gumbel top-k, Kool et al., 2019). The noise belongs to the release, the user and the item's place alone: where a score
    changes, the rest of the draw stays.
    """
    keys = scores + generator_of(release_id, uid).gumbel(size=len(scores))
    best = np.argsort(-keys, kind="stable")[:n]
    return best[np.isfinite(keys[best])]


def evenly(places: Places, n: int) -> Places:
    """``n`` of these places (or all), as far apart as can be, the last among them."""
    n = min(n, len(places))
    return places[(np.arange(n) + 1) * len(places) // max(n, 1) - 1]


def generator_of(release_id: str, uid: str = "") -> np.random.Generator:
    """The same in every process and on every machine."""
    digest = hashlib.blake2b(f"{release_id}\n{uid}".encode(errors="surrogatepass"), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))
