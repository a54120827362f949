"""What the script that matches songs refuses."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts" / "match.py"


def test_songs_are_not_made_faster_without_a_projection():
    needed = ("sequences", "songs", "copies", "collection", "shard", "output")
    options = [word for name in needed for word in (f"--{name}", "none")]
    done = subprocess.run(
        [sys.executable, SCRIPT, *options, "--double-tempo", "all"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--double-tempo needs --projection" in done.stderr
