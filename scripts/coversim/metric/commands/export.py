"""`coversim export`: the network of a metric, for programs that know neither this package nor PyTorch."""

import argparse
from pathlib import Path
from typing import Any

from coversim.metric.commands.arguments import METRIC_HELP, command, loaded

EXAMPLES = """\
examples:
  coversim export --metric results/mine/models/vector/1/metric.pt --to onnx --output encoder.onnx

The file takes the frames of a song, (features, 12, T) float32, row 0 being pitch class C, and gives its embedding. Its
metadata say at how many frames per second (rate), and how many there must be (least_frames).
"""


def add_to(commands: Any) -> None:
    """The command and its arguments."""
    export = command(
        commands, "export", "Write the network of a metric for other programs.", EXAMPLES, answer
    )
    export.add_argument("--metric", type=Path, required=True, help=METRIC_HELP)
    export.add_argument("--to", choices=["onnx"], required=True, help="the form of the file")
    export.add_argument("--output", type=Path, required=True, metavar="FILE")


def answer(arguments: argparse.Namespace) -> int:
    """Write it; the exit status."""
    from coversim.metric.onnx_file import TOLERANCE, export

    known = export(loaded(arguments.metric), arguments.output)
    print(f"{arguments.output}: equal to PyTorch within {TOLERANCE:g}")
    for name, value in known.items():
        print(f"{name:<13}{value}")
    return 0
