"""Write the pair table of one split: all cover pairs and as many non-cover pairs."""

import argparse
import logging
from pathlib import Path

from coversim import cli
from coversim.dataset.pairs import pair_table
from coversim.storage import parquet, tsv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=Path, required=True, help="songs.tsv of the data set")
    parser.add_argument("--split", required=True, help="whose songs to pair: train, valid, test or benchmark")
    parser.add_argument("--seed", type=int, required=True, help="of the non-cover pairs")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file")
    arguments = parser.parse_args()
    songs = [
        (row["work"], row["performance"])
        for row in tsv.read(arguments.songs)
        if row["split"] == arguments.split
    ]
    table = pair_table(songs, arguments.seed)
    parquet.write(arguments.output, table)
    logging.info("%s: %d songs, %d pairs, half of them covers", arguments.split, len(songs), len(table))


if __name__ == "__main__":
    cli.run(main)
