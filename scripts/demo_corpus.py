"""Write the demo corpus: seeded works and covers, in files like those of Da-TACOS."""

import argparse
from pathlib import Path

from coversim import cli
from coversim.demo import corpus as demo_corpus


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--works", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--root", type=Path, required=True, help="folder that receives the corpus")
    parser.add_argument(
        "--metadata", type=Path, required=True, help="JSON of titles and artists, written last"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args()
    demo_corpus.write(args.root, args.works, args.seed, args.metadata, args.jobs)


if __name__ == "__main__":
    cli.run(main)
