"""The metrics by name, as metrics.json and metrics.tsv spell them, in the order in which they are shown.

The average precision of pairs stands in these files too; the report does without it.
"""

from typing import NamedTuple


class Metric(NamedTuple):
    """What is to be known of a metric, to compute and to show it."""

    label: str
    per_query: str = ""  # the column of ranks.parquet that it is the mean of; pair metrics have none
    higher_is_better: bool = True
    decimals: int = 3


RETRIEVAL = {
    "map": Metric("MAP", "average_precision"),
    "mr1": Metric("MR1", "first_rank", higher_is_better=False, decimals=1),
    "mrr": Metric("MRR", "reciprocal_rank"),
    "p_at_10": Metric("P@10", "precision_at_10"),
    "hit_at_1": Metric("Hit@1", "hit_at_1"),
    "hit_at_10": Metric("Hit@10", "hit_at_10"),
}
RECALL = {  # by the number of songs found first; for whoever takes these as candidates
    first: Metric(f"R@{first:,}", f"recall_at_{first}") for first in (100, 1000, 10000)
}
HUBS = {  # the same, by distances that are corrected for hubs
    f"{name}_hubs": RETRIEVAL[name]._replace(per_query=f"{RETRIEVAL[name].per_query}_hubs")
    for name in ("map", "hit_at_1")
}
RERANKED = {  # the same, of songs of which the first were ordered anew
    f"{name}_reranked": RETRIEVAL[name]._replace(per_query=f"{RETRIEVAL[name].per_query}_reranked")
    for name in ("map", "mrr", "hit_at_1")
}
PAIRS = {
    "roc_auc": Metric("ROC-AUC"),
    "roc_auc_nearest": Metric("nearest"),
    "eer": Metric("EER", higher_is_better=False),
    "accuracy": Metric("accuracy"),
    "brier": Metric("Brier", higher_is_better=False),
}
