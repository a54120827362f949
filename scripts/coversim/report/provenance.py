"""From which code the page is, and from when its results."""

import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import isnan
from pathlib import Path

PACKAGES = ("snakemake", "torch", "numpy", "scipy", "h5py", "pandas", "pyarrow", "scikit-learn")
CLONE = Path(__file__).parents[3]


def commit(clone: Path = CLONE) -> str:
    """The commit of the workflow, and whether something was changed since; empty where there is no git to tell."""
    if not (clone / ".git").exists():
        return ""
    git = ["git", "-C", str(clone), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(git, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    return ""


def date(ended: float) -> str:
    """A time in seconds since 1970, for people; empty where it is not known (NaN)."""
    return "" if isnan(ended) else f"{datetime.fromtimestamp(ended, UTC):%d %B %Y, %H:%M} UTC"


def versions() -> list[tuple[str, str]]:
    """Python and the packages, as they are in the environment that writes the report."""
    found = [("Python", platform.python_version())]
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found.append((package, version(package)))
    return found
