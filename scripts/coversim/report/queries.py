"""The hardest and the easiest queries, and what stood before their covers."""

from typing import Any

import pandas as pd

from coversim.report.songs import Name, Songs

QUERIES_SHOWN = 8


def hardest_and_easiest(
    queries: pd.DataFrame | None,
    found: pd.DataFrame,
    songs: Songs,
) -> dict[str, list[dict[str, Any]]]:
    """The hardest and the easiest queries, one per work, and which song stood before their covers.

    `queries` and `found` have the columns of ranks.parquet, by work and performance, and of found.parquet. Where the first
    songs were ordered anew, `found` has them so, and that order counts.
    """
    if queries is None:
        return {}
    if was_reranked(queries):
        queries = queries.assign(
            average_precision=queries.average_precision_reranked,
            first_rank=1 / queries.reciprocal_rank_reranked,
        )
    wrong = found[(found["rank"] == 1) & ~found.is_cover.astype(bool)]
    first = dict(
        zip(
            zip(wrong.work, wrong.performance, strict=True),
            zip(wrong.found_work, wrong.found_performance, strict=True),
            strict=True,
        )
    )
    shown = min(QUERIES_SHOWN, max(1, queries.index.unique("work").size // 2))
    queries = queries.reset_index()
    orders = {
        "hardest": {"average_precision": True, "first_rank": False, "work": True, "performance": True},
        "easiest": {"average_precision": False, "closeness": True, "work": True, "performance": True},
    }
    return {
        label: [
            query
            | {"title": songs.known_title((query["work"], query["performance"]))}
            | {"instead": _instead(first.get((query["work"], query["performance"])), songs)}
            for query in queries.sort_values([*ascending], ascending=[*ascending.values()])
            .drop_duplicates("work")
            .head(shown)
            .to_dict("records")
        ]
        for label, ascending in orders.items()
    }


def was_reranked(queries: pd.DataFrame | None) -> bool:
    """Whether the songs that queries find first were ordered anew."""
    return queries is not None and "average_precision_reranked" in queries


def _instead(song: Name | None, songs: Songs) -> str:
    """What stood first instead of a cover, with its title; empty where a cover did."""
    if song is None:
        return ""
    title = songs.known_title(song)
    return f"{title} ({' / '.join(song)})" if title else " / ".join(song)
