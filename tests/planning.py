"""Plans of the default configuration with changes, of data sets whose song files are empty."""

from pathlib import Path

import yaml

from coversim.workflow.config import merge
from coversim.workflow.plan import make_plan

DEFAULTS = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())


def plan(tmp_path, walk=True, **changes):
    made = make_plan(merge(DEFAULTS, changes), tmp_path / "results", walk)
    made.write(tmp_path / "results")
    return made


def data_set(root, works, features=("crema",)):
    """Empty song files in the per-feature layout: the plan opens none."""
    for feature in features:
        for work, songs in works.items():
            folder = root / f"da-tacos_any_subset_{feature}" / f"{work}_{feature}"
            folder.mkdir(parents=True)
            for song in songs:
                (folder / f"{song}_{feature}.h5").touch()
    return str(root)


def many(works, songs=2, prefix="W"):
    return {f"{prefix}_{n}": [f"P_{prefix}{n}.{song}" for song in range(songs)] for n in range(works)}
