"""What a logging policy said about its rows reaches those who read the tables."""

from __future__ import annotations

import numpy as np
from raw_shop import LOG, Shop

from homefeed.artifacts.processed import Interactions


def test_position_and_propensity_of_each_row_are_kept_and_what_no_row_says_is_marked(shop: Shop) -> None:
    said = ["1,0.5", "2,0.25", ",", "x,y"]
    log = [f"{line},{said[n % 4]}" for n, line in enumerate(LOG)]
    dataset = shop.write(["ts,uid,iid,label,position,propensity", *log]).run() and shop.dataset()
    rows = Interactions.concatenate([dataset.train, dataset.test])
    assert rows.position is not None
    assert rows.propensity is not None
    assert rows.position.tolist() == [(1, 2, 0, 0)[n % 4] for n in range(len(LOG))]
    np.testing.assert_array_equal(rows.propensity, [(0.5, 0.25, np.nan, np.nan)[n % 4] for n in range(len(LOG))])
    taken = rows.take(np.array([1]))
    assert (taken.position, taken.propensity) == (2, 0.25)


def test_a_log_without_these_columns_has_neither(shop: Shop) -> None:
    shop.write().run()
    rows = Interactions.concatenate([shop.dataset().train, shop.dataset().test]).take(np.arange(3))
    assert (rows.position, rows.propensity) == (None, None)
