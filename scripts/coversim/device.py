"""Where torch computes."""

import os

import torch

from coversim.errors import CoversimError


def choose_device(name: str) -> torch.device:
    """`cpu`, `cuda`, or `auto`: a GPU where there is one, else the CPU.

    Raises
    ------
    CoversimError
        If `cuda` is wanted, or `auto` in a job to which a GPU was given (CUDA_VISIBLE_DEVICES), and torch
        cannot use it: computing on the CPU unasked would waste both the GPU and hours.
    """
    if name == "cpu" or (name == "auto" and not _usable() and not os.environ.get("CUDA_VISIBLE_DEVICES")):
        return torch.device("cpu")
    if not _usable():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
        raise CoversimError(
            f"torch {torch.__version__} cannot use a GPU here (CUDA_VISIBLE_DEVICES: {visible}). Remedy: install a "
            "CUDA build of torch and a driver that fits it, or set train.device: cpu and ask for no GPU"
        )
    return torch.device("cuda")


def compute_reproducibly(threads: int) -> None:
    """The same inputs give the same bits: deterministic kernels, a fixed number of CPU threads, and no TF32.

    TF32 rounds the inputs of a GPU's matrix products and convolutions to 10 bits: other results than on the CPU.
    Call it before anything is computed.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    # the same as use_deterministic_algorithms(True), which imports torch's compiler, too: 1 s and 70 MB for nothing
    torch.set_deterministic_debug_mode("error")
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    torch.backends.cudnn.fp32_precision = "ieee"
    torch.set_num_threads(threads)


def _usable() -> bool:
    try:
        return torch.cuda.is_available() and bool(torch.zeros(1, device="cuda").add(1).item())
    except RuntimeError:
        return False
