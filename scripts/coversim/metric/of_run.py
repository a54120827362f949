"""Which of a run's metrics answers: that of its first experiment."""

from pathlib import Path

from coversim.errors import CoversimError
from coversim.evaluation.headline import first_of
from coversim.storage import tsv

NO_METRIC = "None has what aligns songs frame by frame (search --rerank does that)"


def metric_of(results: Path) -> tuple[Path, str]:
    """Of the results of a run the metric.pt of the first experiment that has one, and what is to be said of the choice.

    Of its seeds it is the best on validation works. The experiments of `metrics.tsv` are in the order of the configuration.

    Raises CoversimError where there is no run, or none of its metrics is there.
    """
    if not (results / "metrics.tsv").is_file():
        raise CoversimError(
            f"{results}: no results of a run. Remedy: name a metric.pt, or results/<name> of a finished run"
        )
    try:
        maps = {
            (row["experiment"], results / "models" / row["experiment"] / row["seed"] / "metric.pt"): float(
                row["map"]
            )
            for row in tsv.read(results / "metrics.tsv")
            if row["collection"] == "valid" and row["map"]
        }
    except (KeyError, ValueError) as error:
        raise CoversimError(
            f"{results / 'metrics.tsv'}: not the table of a run ({error}). Remedy: name a metric.pt, or delete it and run "
            "the workflow again"
        ) from error
    first = first_of(
        (experiment for experiment, _ in maps), {experiment for experiment, file in maps if file.is_file()}
    )
    if not first:
        raise CoversimError(
            f"{results}: no metric.pt below models. Remedy: have the workflow make them: snakemake --cores all bundles"
        )
    value, chosen = max(
        (value, file) for (experiment, file), value in maps.items() if experiment == first and file.is_file()
    )
    (highest, file), most = max(maps.items(), key=lambda item: item[1])
    said = f"validation MAP {value:.3f}"
    if most > value:
        said += f"; {highest} has {most:.3f}" + ("" if file.is_file() else f" and no metric.pt. {NO_METRIC}")
    return chosen, said
