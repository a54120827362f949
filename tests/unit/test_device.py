"""Where networks are trained, and that they come out the same again."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from coversim.device import choose_device
from coversim.errors import CoversimError

SCRIPTS = Path(__file__).parents[2] / "scripts"
CPU = torch.device("cpu")


def test_auto_takes_the_cpu_only_where_no_gpu_was_given(monkeypatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert choose_device("auto") == CPU
    for name, visible in (("auto", "0"), ("cuda", "0"), ("cuda", "")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        with pytest.raises(CoversimError, match=r"cannot use a GPU.*Remedy"):
            choose_device(name)
    assert choose_device("cpu") == CPU


def test_computing_reproducibly_is_deterministic_in_full_precision_on_so_many_threads() -> None:
    code = """
import torch
from coversim.device import compute_reproducibly
compute_reproducibly(3)
assert torch.are_deterministic_algorithms_enabled() and torch.get_num_threads() == 3
assert torch.backends.cuda.matmul.fp32_precision == torch.backends.cudnn.conv.fp32_precision == "ieee"
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=SCRIPTS)
