from __future__ import annotations

import pytest

from homefeed.bootstrap.evaluate import chosen_baselines
from homefeed.core.errors import ConfigError
from homefeed.evaluation.baselines.names import ALL, HOTNESS, ITEM_KNN, LOGISTIC, RANDOM, SIMPLE


def test_without_a_wish_those_run_that_need_no_fit() -> None:
    assert chosen_baselines(None) == SIMPLE


def test_all_none_and_names_with_commas_however_they_are_spelled() -> None:
    assert chosen_baselines("all") == ALL
    assert chosen_baselines("None") == ()
    assert chosen_baselines("item-knn, hotness,Logistic Regression") == (HOTNESS, ITEM_KNN, LOGISTIC)


def test_a_name_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=rf"No baseline is called prophet.*{RANDOM}"):
        chosen_baselines("hotness,prophet")
