"""Jobs without their start-up time: a process that has imported the heavy libraries forks one copy for each job.

It has compiled the functions that jobs compile, too, and they take those whose module has the same text in their clone.
A stand-in for `python` hands its arguments, folder, environment, files and their limit of size to the server, and each
ends as the other ends.
Each job is a process of its own, as always; but its memory is not that of a fresh one, and /proc shows the server's
arguments. What is about those runs the real thing.
"""

import array
import atexit
import fcntl
import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TextIO

SCRIPTS = Path(__file__).parents[1] / "scripts"
KILLED = "COVERSIM_KILLED_JOB"
"""Environment variable: a script's name without its suffix, and after how many seconds each job that runs it is killed."""
CLIENT = """#!{python} -IS
import array, json, os, resource, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
job = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), limit]).encode()
files = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
server.sendmsg([len(job).to_bytes(4, "big")], [files])
server.sendall(job)
status = server.recv(1)
sys.exit(status[0] if status else 137)
"""


@cache
def stand_in() -> str:
    """Path of a program that runs `python SCRIPT ARGUMENTS` by the server, which ends with this process."""
    folder = Path(tempfile.mkdtemp())
    address = folder / "socket"
    server = subprocess.Popen([sys.executable, __file__, address], stdout=subprocess.PIPE)
    atexit.register(server.kill)
    assert server.stdout.readline() == b"ready\n"
    client = folder / "python"
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o755)
    return str(client)


def serve(address: str) -> None:
    import h5py  # noqa: F401
    import jinja2  # noqa: F401
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.fft
    import scipy.linalg  # noqa: F401
    import sklearn.linear_model
    import sklearn.manifold
    import sklearn.metrics  # noqa: F401
    import torch._dynamo  # noqa: F401

    _compile()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    print("ready", flush=True)
    while True:
        job, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            status = _run(job)
            job.sendall(bytes([status]))
            os._exit(0)
        job.close()


def _compile() -> None:
    import numba
    import numpy as np

    njit, compiled = numba.njit, {}

    def once(*function, **options):
        if function:  # numba's own
            return njit(*function, **options)

        def decorated(function):
            module = Path(function.__code__.co_filename).read_bytes()
            key = (module, function.__qualname__, str(options))
            if key not in compiled:
                compiled[key] = njit(**options)(function)
            return compiled[key]

        return decorated

    numba.njit = once
    sys.path.insert(0, str(SCRIPTS))
    from coversim.alignment import qmax
    from coversim.sequences import matching

    chroma = np.ones((1, 12, 40), np.float32)
    qmax.qmax_distances(chroma, [chroma], 2)
    song = np.ones((20, 12), np.float32)
    orders = np.array(
        [1, 2, 3, 4, 5, 0, 0]
    )  # two real numbers for each of the first five, one for the others
    keys = np.zeros((1, 1, 2), np.int64)
    matching.scores(song, matching.stored(song), np.array([0, len(song)]), keys, orders)
    matching.match(song, song, keys[0, 0], orders)
    matching.halved(matching.stored(song), np.array([0, len(song)]), song.shape[1])

    del sys.path[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == "coversim"]:
        del sys.modules[name]  # jobs import that of their clone


def _run(job: socket.socket) -> int:
    """Run a job in this process; its exit status."""
    length, [(_, _, files)], _, _ = job.recvmsg(4, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    text = bytearray()
    while len(text) < int.from_bytes(length, "big"):
        text += job.recv(2**16)
    # a signal tells that the stand-in has ended: with it the job ends, too
    fcntl.fcntl(job, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(job, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(job, fcntl.F_SETFL, fcntl.fcntl(job, fcntl.F_GETFL) | os.O_ASYNC)
    arguments, folder, environment, limit = json.loads(text)
    for number, file in enumerate(array.array("i", files)):
        os.dup2(file, number)
    # those of the server were made for other files
    for number, stream in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, stream, _opened(number, getattr(sys, stream)))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    victim, _, seconds = os.environ.pop(KILLED, "").partition(" ")
    if victim == Path(arguments[0]).stem:
        # its signal ends a process at once, as SIGKILL does
        signal.setitimer(signal.ITIMER_REAL, float(seconds))
    sys.argv, sys.path[0] = arguments, str(Path(arguments[0]).parent)
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _opened(number: int, before: TextIO) -> TextIO:
    how = {"encoding": before.encoding, "errors": before.errors, "closefd": False}
    return os.fdopen(number, before.mode, buffering=1 if number == 2 else -1, **how)


if __name__ == "__main__":
    serve(sys.argv[1])
