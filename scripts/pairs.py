"""Write the pair table of a collection: all cover pairs and as many non-cover pairs."""

import argparse
import logging
from pathlib import Path

from coversim import cli
from coversim.dataset.labels import COVER
from coversim.dataset.pairs import pair_table
from coversim.storage import parquet
from coversim.storage.songs import members


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=Path, nargs="+", required=True, help="songs.tsv of each data set")
    parser.add_argument(
        "--copies", type=Path, nargs="+", required=True, help="of the same data sets, songs that do not count"
    )
    parser.add_argument("--collection", required=True, help="whose songs to pair, e.g. train or test/irish")
    parser.add_argument("--seed", type=int, required=True, help="of the non-cover pairs")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file")
    arguments = parser.parse_args()
    songs = members(arguments.songs, arguments.copies, arguments.collection)
    table = pair_table(list(songs), arguments.seed)
    parquet.write(arguments.output, table)
    covers = int((table.label == COVER).sum())
    logging.info(
        "%s: %d songs, %d pairs, %d of them covers", arguments.collection, len(songs), len(table), covers
    )


if __name__ == "__main__":
    cli.run(main)
