"""The peak memory of a program of its own: that of pytest, which ru_maxrss of a child tells, does not count."""

import re
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"


def peak_of(program: str) -> int:
    """Kilobytes that Python takes at most to run a program, which may import coversim."""
    done = subprocess.run(
        [sys.executable, "-c", f'{program}\nprint(open("/proc/self/status").read())'],
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(re.search(r"VmHWM:\s+(\d+) kB", done.stdout)[1])
