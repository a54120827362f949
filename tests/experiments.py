"""Settings of an experiment for tests: those of config.yaml, in small."""

from pathlib import Path

import yaml

from coversim.config import merge

CONFIG = Path(__file__).resolve().parents[1] / "config.yaml"
SMALL = {
    "features": ["crema"],
    "fft": {"rate": 4.0, "frames": None},
    "representation": {"kind": "fourier", "seconds": 5.0, "hop": 1.0, "sharpness": 0.0, "compression": 10.0},
    "pca": {"components": 8, "whiten": True},
    "model": {
        "kind": "convolution",
        "channels": 16,
        "layers": 2,
        "kernel": 3,
        "dropout": 0.1,
        "embedding": 8,
    },
}


def experiment(**changes: dict) -> dict:
    """Resolved settings, small, with `changes` over them."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    sections = {section: config[section] for section in (*SMALL, "train")}
    return merge(merge(sections, SMALL), changes)
