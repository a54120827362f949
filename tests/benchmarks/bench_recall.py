"""How the recall of the first step falls with the size of the collection: bench_recall.py RESULTS

From a run, after `snakemake catalogue`, by the points of its first experiment: embeddings, or, of sequences, what finds
those to match (model.first_step). Queries are the test songs that have a cover; they seek among the test songs, and then
among ever more others of the catalogue, drawn by chance. Recall is the share of its covers that a query finds among the
first so many songs; 95 % by bootstrap over works.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from coversim.evaluation.bootstrap import interval
from coversim.evaluation.retrieval import queries_of, rank_embeddings
from coversim.metric.catalogue.catalogue import Catalogue
from coversim.metric.catalogue.parts import points_of

FIRST = (100, 1_000, 10_000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    results = parser.parse_args().results
    catalogue = Catalogue.load(results / "songs.cat")
    points = np.concatenate([points_of(part) for part in catalogue.parts])
    works = np.array([entry.work for entry in catalogue.entries])
    is_test = np.isin(works, list(test_works(results)))
    others = np.random.default_rng(0).permutation(np.flatnonzero(~is_test))
    tested = np.flatnonzero(is_test)
    sizes = [len(tested)]
    while 2 * sizes[-1] < len(works):
        sizes.append(2 * sizes[-1])
    print("songs      " + "".join(f"{f'first {first:,}':>26}" for first in FIRST))
    for size in [*sizes, len(works)]:
        pool = np.concatenate([tested, others[: size - len(tested)]])
        of_query, recall = recalls(points[pool], works[pool], len(tested))
        cells = [
            "{:.3f} ({:.3f} to {:.3f})".format(*interval(recall[:, place], of_query)) if first < size else ""
            for place, first in enumerate(FIRST)
        ]
        print(f"{size:<11,}" + "".join(f"{cell:>26}" for cell in cells), flush=True)


def test_works(results: Path) -> set[str]:
    """The test works of the data sets of a run."""
    found = set()
    for path in results.glob("catalogue/*/songs.tsv"):
        with path.open(newline="", encoding="utf-8") as file:
            found |= {
                song["work"] for song in csv.DictReader(file, dialect="excel-tab") if song["split"] == "test"
            }
    return found


def recalls(points: np.ndarray, works: np.ndarray, queries: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each of the first `queries` songs that has a cover its work, and the recall among the FIRST songs, (queries, 3)."""
    rows = queries_of(works)
    ranking = rank_embeddings(points, works, torch.device("cpu"))
    found = np.stack([getattr(ranking, f"recall_at_{first}") for first in FIRST], axis=1)
    return works[rows[rows < queries]], found[rows < queries]


if __name__ == "__main__":
    main()
