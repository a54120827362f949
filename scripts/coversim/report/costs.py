"""What a run took: time and memory of each rule, and when its jobs ran."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from coversim.report.formats import duration
from coversim.report.plots import Axis

CPU_BUDGET = 400  # MB, of a CPU job
# Printed by the brief for tensors of [20890, 41760] and [12453, 24887]; nobody measured it again.
BRIEF_GIGABYTES = (9.85, 2.10)


def costs_of(jobs: pd.DataFrame) -> pd.DataFrame:
    """Time and memory of all jobs of each rule, the longest first."""
    costs = jobs.groupby("rule", as_index=False).agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        cpu_seconds=("cpu_seconds", lambda seconds: seconds.sum(min_count=1)),
        peak=("peak", "max"),
    )
    return costs.sort_values(["seconds", "rule"], ascending=[False, True])


def costs(costs: pd.DataFrame) -> dict[str, Any]:
    """Time and memory of each rule, on an axis of MB from 0 to the brief's two tensors, or to the largest job."""
    above = costs[costs.peak > CPU_BUDGET].sort_values("peak", ascending=False)
    return {
        "costs": costs.to_dict("records"),
        "above_budget": above.to_dict("records"),
        "cpu_budget": CPU_BUDGET,
        "brief": BRIEF_GIGABYTES,
        "memory_axis": Axis(0, max(1000 * sum(BRIEF_GIGABYTES), costs.peak.max(skipna=True) or 0)),
    }


@dataclass
class Gantt:
    """When the jobs of each rule ran; pauses, in which none ran, are cut out."""

    axis: Axis  # of seconds of work
    ticks: list[tuple[float, str]]
    pauses: list[float]  # where they were, in percent
    rows: list[
        tuple[str, list[tuple[float, float]], str]
    ]  # rule, its spans (start, width) in percent, what to say
    ended: float  # the end of the last job, in seconds since 1970; NaN without jobs


PAUSE = 60.0  # seconds without a job


def gantt(records: pd.DataFrame) -> Gantt:
    """Of the jobs that inputs.read_records found; spans of one rule that touch are one."""
    if records.empty:
        return Gantt(Axis(0, 1), [], [], [], float("nan"))
    busy = _joined(records[["start", "end"]].to_numpy(), PAUSE)
    before = np.concatenate([[0.0], np.cumsum(busy[:, 1] - busy[:, 0])])

    def at_work(time: float) -> float:
        """Seconds of work until a time."""
        place = max(int(np.searchsorted(busy[:, 0], time, side="right")) - 1, 0)
        return float(before[place] + min(time, busy[place, 1]) - busy[place, 0])

    axis = Axis(0.0, float(before[-1]))
    rows = []
    order = records.groupby("rule").start.min().sort_values(kind="stable").index
    for rule in order:
        jobs = records[records.rule == rule]
        times = np.array(
            [[at_work(start), at_work(end)] for start, end in zip(jobs.start, jobs.end, strict=True)]
        )
        spans = _joined(times, axis.high / 500)
        said = f"{rule}\n{len(jobs):,} job{'s' * (len(jobs) > 1)}, {duration(float((times[:, 1] - times[:, 0]).sum()))}"
        said += f"\nfrom {duration(times[:, 0].min())} to {duration(times[:, 1].max())}"
        drawn = [(axis.at(start), max(round(axis.at(end) - axis.at(start), 2), 0.15)) for start, end in spans]
        rows.append((rule, drawn, said))
    step = next((s for s in STEPS if axis.high / s <= 5), STEPS[-1])
    ticks = [(axis.at(time), _elapsed(time, step)) for time in np.arange(0, axis.high, step)]
    return Gantt(axis, ticks, [axis.at(end) for end in before[1:-1]], rows, float(records.end.max()))


STEPS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000, 43200, 86400, 432000, 864000)


def _elapsed(seconds: float, step: int) -> str:
    unit, name = (3600, "h") if step >= 3600 else (60, "min") if step >= 60 else (1, "s")
    return f"{seconds / unit:g} {name}"


def _joined(spans: np.ndarray, gap: float) -> np.ndarray:
    """Spans (n, 2) in order, those joined that overlap or have no more than a gap between them."""
    joined: list[list[float]] = []
    for start, end in spans[np.argsort(spans[:, 0], kind="stable")]:
        if joined and start <= joined[-1][1] + gap:
            joined[-1][1] = max(joined[-1][1], float(end))
        else:
            joined.append([float(start), float(end)])
    return np.array(joined)
