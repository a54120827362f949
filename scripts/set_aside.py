"""List the songs that were set aside, from the catalogue's problems, the copies, and the shards of frames."""

import argparse
import logging
from collections import defaultdict
from itertools import combinations
from pathlib import Path

from coversim import cli
from coversim.errors import CoversimError
from coversim.storage import frames, tsv
from coversim.storage.atomic import replacing

COLUMNS = ("dataset", "feature", "work", "performance", "reason", "remedy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=Path, nargs="+", required=True, help="…/<dataset>/problems.tsv")
    parser.add_argument("--copies", type=Path, nargs="+", required=True, help="…/<dataset>.tsv")
    parser.add_argument(
        "--frames", type=Path, nargs="+", required=True, help="…/<dataset>/<frames>/<shard>.h5"
    )
    parser.add_argument(
        "--refuse", action="store_true", help="fail where the features of a song contradict each other"
    )
    parser.add_argument("--output", type=Path, required=True, help="tab-separated table")
    arguments = parser.parse_args()
    rows = [
        (path.parent.name, "", *problem.values()) for path in arguments.problems for problem in tsv.read(path)
    ]
    rows += [
        (copy["dataset"], "", copy["work"], copy["performance"], copy["reason"], copy["remedy"])
        for path in arguments.copies
        for copy in tsv.read(path)
    ]
    shards = defaultdict(list)
    misnamed: dict[str, set[frames.Name]] = defaultdict(set)
    for path in arguments.frames:
        shards[path.parent.parent.name, path.name].append(path)
    for (dataset, _), paths in shards.items():
        kinds = [frames.read(path) for path in paths]
        rows += [(dataset, kind.feature, *song) for kind in kinds for song in kind.set_aside]
        for one, other in combinations(kinds, 2):
            if one.rate == other.rate:
                features = f"{one.feature}, {other.feature}"
                contradictions = list(frames.contradictions([one, other]))
                if contradictions and arguments.refuse:
                    work, performance, reason, remedy = contradictions[0]
                    raise CoversimError(
                        f"{dataset}: {work} {performance}: {reason}. Remedy: {remedy}, or set on_bad_song: set_aside"
                    )
                rows += [(dataset, features, *song) for song in contradictions]
        misnamed[dataset].update(
            song for kind in kinds for song, differs in zip(kind.songs, kind.misnamed, strict=True) if differs
        )
    rows = sorted(set(rows))
    with replacing(arguments.output) as temporary:
        temporary.write_text(tsv.text(COLUMNS, rows), encoding="utf-8", errors="surrogateescape")
    for dataset, songs in misnamed.items():
        if songs:
            logging.warning(
                "%s: the files of %d songs name another work or performance: folders and file names count",
                *(dataset, len(songs)),
            )
    for row in rows:
        logging.warning("set aside: %s", " · ".join(filter(None, row)))
    logging.info("%d songs set aside", len({(row[0], *row[2:4]) for row in rows}))


if __name__ == "__main__":
    cli.run(main)
