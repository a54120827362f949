"""Cover-song similarity: the packages of the workflow, and the metric that it leaves.

from coversim import Metric
metric = Metric.load("results/mine/models/sequence/1/metric.pt")
metric.distance("W_1/P_1.h5", "W_1/P_2.h5")
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """`Metric`, once it is asked for: by name, since jobs that have no use for it import neither it nor torch."""
    if name == "Metric":
        return import_module(f"{__name__}.metric.metric").Metric
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
