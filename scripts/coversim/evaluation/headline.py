"""Which experiment speaks for a run."""

from collections.abc import Container, Iterable


def first_of(experiments: Iterable[str], there: Container[str]) -> str:
    """The first of the experiments, in the order of the configuration, that is there; empty where none is.

    No metric chooses it: what is said of it on test works is not flattered by the choice.
    """
    return next((name for name in experiments if name in there), "")
