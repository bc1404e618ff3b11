"""What each metric of the report says, for the reader of the page."""

from __future__ import annotations

METRICS = {
    "recall_at_k": "share of the items a user went on to click that stand in the first k places",
    "ndcg_at_k": "the same, but a hit counts more the nearer to the top it stands; 1 is the best possible order",
    "hit_rate_at_k": "share of users with at least one hit in the first k places",
    "mrr_at_k": "one over the place of the first hit, averaged over users; 0 where there is none within k",
    "coverage_at_k": "share of the catalogue that stands in somebody's first k places",
    "gini_at_k": "how unequally the first k places of all users are shared among the catalogue's items: 0 equally, 1 one item has them all",
    "novelty_at_k": "bits of surprise of a listed item, -log2 of its share of the train side's clicks, averaged over the first k places",
    "diversity_at_k": "1 less the share of tags that two items of a list have in common (Jaccard), averaged over all pairs of the first k places",
    "share_of_places_at_k": "share of everybody's first k places that goes to the group of items",
    "auc": "chance that a clicked impression gets a higher probability than one that was not clicked; 0.5 is a coin",
    "gauc": "the same within each user, averaged by their impressions: what orders a page",
    "log_loss": "how surprised the probabilities are by what happened; lower is better",
    "calibration_error": "average distance between promised and observed click rate over 15 bins of equal mass; lower is better",
}
DRAWN_METRICS = {
    "auc": "chance that a clicked item gets a higher probability than one that was drawn; 0.5 is a coin",
    "gauc": "the same within each user, averaged by their rows: what orders a page",
    "calibration_error": "average distance between promised and observed share of clicks among clicks and drawn items, over 15 bins; lower is better",
}


def meanings(*, drawn: bool) -> dict[str, str]:
    """Name -> one phrase. ``drawn``: label 0 was drawn, not shown."""
    return METRICS | (DRAWN_METRICS if drawn else {})
