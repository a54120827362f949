"""`coversim compare`: are two songs covers of each other?"""

import argparse
from pathlib import Path
from typing import Any

from coversim.metric.clock import span
from coversim.metric.commands.arguments import METRIC_HELP, add_rate, as_json, command, loaded, probability

EXAMPLES = """\
examples:
  coversim compare P_1.h5 P_2.h5 --metric results/mine
  coversim compare "Hey Jude.h5" "Hé Jude.h5" --metric metric.pt --json
  coversim compare P_1.h5 P_2.h5 --metric metric.pt --prior 0.01   if one pair in a hundred were covers
"""
POINTS = {"best_accuracy": "right most often", "high_precision": "precision ≥ .99"}


def add_to(commands: Any) -> None:
    """The command and its arguments."""
    compare = command(commands, "compare", "Are two songs covers of each other?", EXAMPLES, answer)
    compare.add_argument("first", type=Path, metavar="A", help="a song: a file of features, as in Da-TACOS")
    compare.add_argument("second", type=Path, metavar="B", help="another one")
    compare.add_argument("--metric", type=Path, required=True, help=METRIC_HELP)
    add_rate(compare)
    compare.add_argument(
        "--prior", type=probability, default=0.5, help="how probable a cover is before looking (%(default)s)"
    )
    compare.add_argument(
        "--plot", type=Path, metavar="FILE", help="a picture of where they match, .svg or .png"
    )
    compare.add_argument("--json", action="store_true", help="the answer as JSON")


def answer(arguments: argparse.Namespace) -> int:
    """Compare the two; the exit status."""
    from coversim.metric.songs import names_of

    metric = loaded(arguments.metric)
    songs = (
        metric.opened(arguments.first, arguments.rate),
        metric.opened(arguments.second, arguments.rate),
    )
    found = metric.compare(*songs, arguments.prior)
    names = names_of(arguments.first)[1], names_of(arguments.second)[1]
    if arguments.plot:
        from coversim.metric.picture import draw, fitting

        drawn = fitting(names[0]), fitting(names[1])
        draw(arguments.plot, metric, songs, drawn, found, _claim(drawn, found))
    if arguments.json:
        print(
            as_json(
                {
                    "first": str(arguments.first),
                    "second": str(arguments.second),
                    "metric": metric.name,
                    "distance": found.distance,
                    "probability": found.probability,
                    "prior": found.prior,
                    "verdicts": {
                        name: {"cover": verdict, **metric.operating_points[name]}
                        for name, verdict in found.verdicts.items()
                    },
                    "match": _place(found.place),
                }
            )
        )
        return 0
    print(f"metric       {metric.name}\ndistance     {found.distance:.4f}")
    if found.probability is None:
        print("probability  unknown: this metric was not calibrated")
    else:
        print(f"probability  {found.probability:.3f} that they are covers (before looking: {found.prior:g})")
    for name, verdict in found.verdicts.items():
        print(f"verdict      {_verdict(metric, name, verdict)}")
    print(f"match        {_where(found.place, names)}")
    return 0


def _verdict(metric: Any, name: str, verdict: bool | None) -> str:
    point = metric.operating_points[name]
    if verdict is None:
        return f"none at {POINTS.get(name, name)}: no distance reaches it on validation pairs"
    said = f"{'covers' if verdict else 'no covers'} ({POINTS.get(name, name)}: up to {point['threshold']:.4f}"
    # of several sources, all test works together; --json has each
    for collection in ["test"] if "test" in point else [name for name in point if name != "threshold"]:
        measured = point[collection]
        if measured["recall"] is not None and measured["precision"] is not None:
            said += f"; {collection} pairs: precision {measured['precision']:.3f}, recall {measured['recall']:.3f}"
    return said + ")"


def _claim(names: tuple[str, str], found: Any) -> list[str]:
    """What a picture of two songs shows, line by line."""
    said = f"distance {found.distance:.3f}"
    if found.probability is not None:
        said += f", covers with probability {found.probability:.2f} (before looking: {found.prior:g})"
    return [f"{names[0]} and {names[1]}", said, *_where(found.place, names).rsplit(", ", 1)]


def _where(place: Any, names: tuple[str, str]) -> str:
    """Where two songs match, in words."""
    if place is None:
        return "no passage in common"
    key = "in the same key"
    if place.transposition:
        count = abs(place.transposition)
        key = (
            f"which is {count} semitone{'s' * (count > 1)} {'lower' if place.transposition > 0 else 'higher'}"
        )
    ends = f"{span(place.first)} of {names[0]} with {span(place.second)} of {names[1]}"
    return f"{ends}, {key} and {place.tempo:.2f} times as fast"


def _place(place: Any) -> dict[str, Any] | None:
    if place is None:
        return None
    return {
        "transposition": place.transposition,
        "tempo": place.tempo,
        "first": list(place.first),
        "second": list(place.second),
    }
