"""Resolved settings of an experiment for tests: small, and every key there is."""

from coversim.workflow.config import merge

SETTINGS = {
    "features": ["crema"],
    "fft": {"rate": 4.0, "frames": None},
    "representation": {
        "kind": "fourier",
        "seconds": [2.0, 5.0],
        "hop": 1.0,
        "power": 0.0,
        "sharpness": [0.0, 0.0],  # of up to two features
        "compression": 10.0,
        "bispectrum": [],
    },
    "pca": {"components": 8, "whiten": True},
    "model": {
        "kind": "convolution",
        "linear": 0.0,
        "shrinkage": 0.2,
        "sharpness": [0.0, 0.0],
        "embedding": 8,
        "motifs": 6,
        "seconds": 2.0,
        "hop": 0.5,
        "pooling": 3.0,
        "channels": 16,
        "layers": 2,
        "kernel": 3,
        "dropout": 0.1,
        "transpositions": 2,
        "tempi": [0.8, 1.0, 1.25],
    },
    "train": {
        "works": 1.0,
        "epochs": 3,
        "patience": 10,
        "optimiser": "adamw",
        "learning_rate": 0.001,
        "schedule": "cosine",
        "weight_decay": 0.01,
        "ema": 0.9,
        "excerpt": 0.0,
        "batch": {"works": 8, "songs": 2, "pairs": 16},
        "loss": {"kind": "nce", "negatives": "all", "margin": 1.2, "hinge": "squared", "temperature": 0.1},
        "augmentation": dict.fromkeys(("form", "tempo", "overtones", "noise", "gain"), 0.0),
    },
    "rerank": {"candidates": 0, "by": "sequence_lda", "weight": 1.0},
}


def experiment(**changes: dict) -> dict:
    """Resolved settings, small, with `changes` over them."""
    return merge(SETTINGS, changes)
