import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_imports(path, tmp_path):
    """By whatever folder it is started from, and without a PYTHONPATH."""
    program = f"import runpy; runpy.run_path({str(path)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={}, check=True)
