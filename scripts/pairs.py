"""Write the pair table of a collection: all cover pairs and as many non-cover pairs."""

import argparse
import logging
from pathlib import Path

from coversim import cli
from coversim.dataset.pairs import pair_table
from coversim.storage import parquet, tsv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=Path, nargs="+", required=True, help="songs.tsv of each data set")
    parser.add_argument("--collection", required=True, help="whose songs to pair, e.g. train or test/irish")
    parser.add_argument("--seed", type=int, required=True, help="of the non-cover pairs")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file")
    arguments = parser.parse_args()
    split = arguments.collection.partition("/")[0]
    songs = {
        (row["work"], row["performance"])
        for path in arguments.songs
        for row in tsv.read(path)
        if row["split"] == split
    }
    table = pair_table(list(songs), arguments.seed)
    parquet.write(arguments.output, table)
    logging.info("%s: %d songs, %d pairs, half of them covers", arguments.collection, len(songs), len(table))


if __name__ == "__main__":
    cli.run(main)
