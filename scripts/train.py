"""Train one experiment with one seed. The same training is never done twice: see coversim.siamese.model_cache."""

import json
from pathlib import Path

from coversim.cli import run
from coversim.device import choose_device, compute_reproducibly
from coversim.features.pca import Projection
from coversim.siamese import encoder
from coversim.siamese.arguments import training_parser
from coversim.siamese.history import kept_epoch
from coversim.siamese.model_cache import train_once, training_key
from coversim.siamese.songs import contents, load_songs
from coversim.siamese.training import train


def main() -> None:
    parser = training_parser(__doc__)
    parser.add_argument(
        "--pairs",
        type=Path,
        nargs="*",
        default=[],
        help="training pairs of each data set, if train.loss.negatives is pairs",
    )
    parser.add_argument("--pca", type=Path, nargs="?", help="projection, .npz; none: patches as they are")
    parser.add_argument("--model", type=Path, required=True)
    arguments = parser.parse_args()

    settings = json.loads(arguments.settings.read_text(encoding="utf-8"))
    training, validation, pairs = load_songs(
        settings, arguments.frames, arguments.songs, arguments.copies, arguments.pairs
    )
    inputs = contents(training, validation, pairs, arguments.pca)
    key = training_key(settings, arguments.seed, arguments.code, inputs)

    def train_and_save(state: Path, model: Path) -> list[dict]:
        compute_reproducibly(arguments.threads)
        device = choose_device(arguments.device)
        projection = Projection.load(arguments.pca) if arguments.pca else None
        trained, history = train(
            settings, arguments.seed, training, validation, pairs, projection, device, state
        )
        kept = kept_epoch([row["valid_map"] for row in history]) if history else None
        encoder.save(model, trained, key, kept)
        return history

    train_once(arguments.state, key, arguments.model, arguments.history, train_and_save)


if __name__ == "__main__":
    run(main)
