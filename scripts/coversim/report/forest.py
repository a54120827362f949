"""The forest plot: an experiment a row, its MAP and its paired difference to the reference, with intervals."""

from typing import Any

from coversim.report.plots import spanning
from coversim.report.tables import Table


def forest(table: Table) -> dict[str, Any]:
    """Axes of the dot-and-interval plot of a table: MAP, and its difference to the reference."""
    maps = [
        value
        for row in table.rows
        for value in (row.metrics["map"].high, row.metrics["map"].value, *row.map_of_seeds)
    ]
    differences = [
        value for row in table.rows if row.difference for value in (row.difference.low, row.difference.high)
    ]
    return {
        "map": spanning(maps, zero=True),
        "difference": spanning(differences, zero=True) if differences else None,
    }
