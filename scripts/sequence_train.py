"""Train the network of the patches of sequences. The same training is never done twice: see coversim.siamese.model_cache."""

import json
from pathlib import Path

from coversim.cli import run
from coversim.device import choose_device, compute_reproducibly
from coversim.sequences.projection import Projection
from coversim.sequences.siamese import train
from coversim.siamese.arguments import training_parser
from coversim.siamese.model_cache import train_once, training_key
from coversim.siamese.songs import contents, load_songs


def main() -> None:
    parser = training_parser(__doc__)
    parser.add_argument("--start", type=Path, required=True, help="the projection to start from, .npz")
    parser.add_argument("--projection", type=Path, required=True, help="what comes out, .npz")
    arguments = parser.parse_args()

    settings = json.loads(arguments.settings.read_text(encoding="utf-8"))
    training, validation, _ = load_songs(settings, arguments.frames, arguments.songs, arguments.copies)
    inputs = contents(training, validation, [], arguments.start)
    key = training_key(settings, arguments.seed, arguments.code, inputs)

    def train_and_save(state: Path, projection: Path) -> list[dict]:
        compute_reproducibly(arguments.threads)
        device = choose_device(arguments.device)
        start = Projection.load(arguments.start)
        network, history = train(settings, arguments.seed, training, validation, start, device, state)
        network.save(projection)
        return history

    train_once(arguments.state, key, arguments.projection, arguments.history, train_and_save)


if __name__ == "__main__":
    run(main)
