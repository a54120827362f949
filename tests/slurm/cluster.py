"""A real SLURM cluster on this one machine: two CPU nodes and one node with two make-believe GPUs.

It needs Debian's `slurm-wlm`, no root, no systemd; it lives in a temporary folder, on free ports of the
loopback interface. `python tests/slurm/cluster.py` starts one by hand, until Ctrl-C; with `--accounting` it has
accounts and QOS, in a database of its own (Debian's `slurmdbd`, `mariadb-server-core` and `mariadb-client-core`).

A supervisor process stops the cluster as soon as the pipe from whoever started it closes, so that it goes
away however that process ends, `kill -9` included.
"""

import contextlib
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

INSTALL = "apt-get install -y --no-install-recommends slurm-wlm slurm-wlm-basic-plugins munge"
NODES = ("n1", "n2", "g1")
DAEMONS = ("munged", "slurmctld", "slurmd")
INSTALL_ACCOUNTING = (
    "apt-get install -y --no-install-recommends slurmdbd mariadb-server-core mariadb-client-core"
)
ACCOUNTING_DAEMONS = ("slurmdbd", "mariadbd")
# Ordinary users lack the folder of the daemons on their PATH.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])

# Processors and memory are what small cluster nodes have, not what this machine has: SLURM books them, and
# kills by the memory that is really used. The GPUs are two character devices that exist everywhere.
SLURM_CONF = """\
ClusterName=coversim
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType={accounting}
SwitchType=switch/none
MpiDefault=none
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=2,sched_min_interval=200000
ReturnToService=2
SlurmdTimeout=15
KillWait=5
MinJobAge=900
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n1_port} CPUs=4 RealMemory=32000
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n2_port} CPUs=4 RealMemory=32000
NodeName=g1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={g1_port} CPUs=8 RealMemory=64000 Gres=gpu:a100:1,gpu:h100:1
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=INFINITE
PartitionName=all Nodes=n1,n2,g1 MaxTime=INFINITE
PartitionName=gpu Nodes=g1 MaxTime=INFINITE
PartitionName=short Nodes=n1,n2 MaxTime=15
PartitionName=urgent Nodes=g1 MaxTime=INFINITE PriorityTier=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
"""
# Only who has an account may submit, and only with a QOS that is granted.
ACCOUNTING_CONF = """\
AccountingStorageHost=localhost
AccountingStoragePort={dbd_port}
AccountingStoragePass={folder}/munge/socket
AccountingStorageEnforce=associations,limits,qos
AccountingStoreFlags=job_comment
"""
# No password: the database lets in, through its socket, the user who started it.
SLURMDBD_CONF = """\
DbdHost=localhost
DbdPort={dbd_port}
SlurmUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
PidFile={folder}/slurmdbd.pid
LogFile={folder}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageUser={user}
"""
GRES_CONF = """\
AutoDetect=off
NodeName=g1 Name=gpu Type=a100 File=/dev/null
NodeName=g1 Name=gpu Type=h100 File=/dev/zero
"""
# In front of SLURM's commands: does first what a test wants. And the plugin drops every SLURM_* variable, before
# it calls srun in a job, and when it runs in a job itself.
COMMANDS = ("sacct", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
WRAPPER = """\
#!/bin/sh
[ ! -e '{folder}/first/{name}' ] || . '{folder}/first/{name}'
export SLURM_CONF='{folder}/slurm.conf'
exec {command} "$@"
"""


def missing(accounting: bool = False) -> str | None:
    """What is not installed, and the command that installs it; None where a cluster can start."""
    needed = {INSTALL: (*DAEMONS, "sbatch", "srun")}
    if accounting:
        needed[INSTALL_ACCOUNTING] = ACCOUNTING_DAEMONS
    for install, programs in needed.items():
        if lacking := [name for name in programs if not shutil.which(name, path=SEARCH_PATH)]:
            return f"{', '.join(lacking)} missing; install with: {install}"
    return None


@dataclass(frozen=True)
class Cluster:
    """A running cluster: `env` is the environment in which SLURM's commands and Snakemake find it."""

    folder: Path
    env: dict[str, str]

    def run(self, *command: str) -> str:
        """Standard output of one of SLURM's commands."""
        return subprocess.run(
            command, env=self.env, check=True, text=True, stdout=subprocess.PIPE, timeout=60
        ).stdout

    def jobs(self) -> list[dict[str, str]]:
        """What `scontrol` knows of every job of this cluster, oldest first."""
        lines = self.run("scontrol", "show", "job", "--details", "--oneliner").splitlines()
        return [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if line.startswith("JobId=")]

    def node_states(self) -> dict[str, str]:
        """State of every node: idle, mixed, down …; with a `*` where it does not answer."""
        return dict(line.split() for line in self.run("sinfo", "-h", "-N", "-o", "%N %t").splitlines())

    @contextlib.contextmanager
    def first(self, command: str, script: str) -> Iterator[None]:
        """Run a shell script before one of SLURM's commands, for the length of a `with` block."""
        made = self.folder / "first" / f"{command}.new"
        made.write_text(f"{script}\n")
        active = made.replace(made.with_suffix(""))
        try:
            yield
        finally:
            active.unlink()

    @contextlib.contextmanager
    def failing(self, command: str, message: str) -> Iterator[Path]:
        """Let one of SLURM's commands fail. The file that this gives gets a line with each failure."""
        failures = self.folder / "first" / f"{command}.failures"
        failures.write_text("")
        script = f"echo {shlex.quote(message)} | tee -a {failures} >&2; exit 1"
        with self.first(command, script):
            yield failures

    @contextlib.contextmanager
    def setting(self, name: str, value: object) -> Iterator[None]:
        """Another value of one of the settings in slurm.conf, for the length of a `with` block."""
        conf = self.folder / "slurm.conf"
        before = conf.read_text()
        conf.write_text(re.sub(rf"^{name}=.*$", f"{name}={value}", before, flags=re.MULTILINE))
        self.run("scontrol", "reconfigure")
        try:
            yield
        finally:
            conf.write_text(before)
            self.run("scontrol", "reconfigure")

    def kill_node(self, node: str) -> None:
        """Make a node unreachable. Its jobs run on, unseen, as behind a broken network."""
        _end(self.folder / f"{node}.pid", signal.SIGKILL)

    def start_node(self, node: str) -> None:
        """Bring a node (back) into service."""
        _daemon(self.env, "slurmd", "-N", node, "-f", str(self.folder / "slurm.conf"))


def until(condition: Callable, timeout: float = 300, pause: float = 0.1):
    """What `condition` returns, as soon as that is true."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout} s in vain for {condition.__doc__ or condition}"
        time.sleep(pause)
    return value


@contextlib.contextmanager
def cluster(accounting: bool = False) -> Iterator[Cluster]:
    """A cluster for the length of a `with` block. Raises RuntimeError, with the logs, if it does not start."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="coversim-slurm-"))
        supervisor = subprocess.Popen(
            [sys.executable, __file__, "--supervise", str(folder), *(["--accounting"] if accounting else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us; the supervisor stops when the pipe closes
        )
        stack.callback(supervisor.wait)
        stack.callback(supervisor.stdin.close)
        running = Cluster(folder, _environment(folder))
        if supervisor.stdout.readline() != b"ready\n":
            raise RuntimeError("the SLURM cluster did not start; its output above tells why")
        yield running


def _supervise(folder: Path, accounting: bool) -> None:
    """Start the cluster, say so, wait for the end of standard input, stop it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        _start(Cluster(folder, _environment(folder)), accounting)
        print("ready", flush=True)
        sys.stdin.buffer.read()
    except Exception:
        for log in sorted(folder.glob("log/*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
        raise
    finally:
        _stop(folder)


def _start(this: Cluster, accounting: bool) -> None:
    folder = this.folder
    folder.chmod(0o755)  # munged refuses a socket that others cannot reach
    for name in ("munge", "state", "log", "bin", "first", *(f"spool/{node}" for node in NODES)):
        (folder / name).mkdir(parents=True, mode=0o755)
    key = folder / "munge/key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    ports = ("ctld_port", "n1_port", "n2_port", "g1_port", "dbd_port")
    settings = dict(zip(ports, _free_ports(len(ports)), strict=True))
    settings |= {"folder": folder, "user": pwd.getpwuid(os.getuid()).pw_name}
    settings["accounting"] = f"accounting_storage/{'slurmdbd' if accounting else 'none'}"
    slurm_conf = SLURM_CONF + (ACCOUNTING_CONF if accounting else "")
    (folder / "slurm.conf").write_text(slurm_conf.format(**settings))
    (folder / "gres.conf").write_text(GRES_CONF)
    for name in COMMANDS:
        wrapper = folder / "bin" / name
        wrapper.write_text(WRAPPER.format(folder=folder, name=name, command=shutil.which(name)))
        wrapper.chmod(0o755)

    munge = folder / "munge"
    _daemon(this.env, "munged", f"--socket={munge}/socket", f"--key-file={key}", f"--seed-file={munge}/seed",
            f"--pid-file={folder}/munged.pid", f"--log-file={folder}/log/munged.log")  # fmt: skip
    if accounting:
        _start_accounting(this, settings)
    _daemon(this.env, "slurmctld", "-c", "-f", str(folder / "slurm.conf"))
    for node in NODES:
        this.start_node(node)
    until(lambda: _answers(this, "sinfo") and this.node_states() == dict.fromkeys(NODES, "idle"))


def _start_accounting(this: Cluster, settings: dict) -> None:
    folder = this.folder
    socket_file = folder / "database/socket"
    options = ("--no-defaults", f"--user={settings['user']}", f"--datadir={folder}/database",
               "--innodb-log-file-size=4M")  # fmt: skip
    with (folder / "log/mariadbd.log").open("w") as log:
        install = ["mariadb-install-db", *options]
        subprocess.run(install, check=True, stdout=log, stderr=log, timeout=60)
        database = [shutil.which("mariadbd", path=SEARCH_PATH), *options, "--skip-networking"]
        database += [f"--socket={socket_file}", f"--pid-file={folder}/mariadbd.pid"]
        subprocess.Popen(database, stdout=log, stderr=log)
    until(socket_file.exists)
    conf = folder / "slurmdbd.conf"
    conf.touch(mode=0o600)
    conf.write_text(SLURMDBD_CONF.format(**settings))
    _daemon({**this.env, "MYSQL_UNIX_PORT": str(socket_file)}, "slurmdbd")
    until(partial(_answers, this, "sacctmgr", "list", "cluster"))


def _stop(folder: Path) -> None:
    """End the cluster's daemons by their pid files, then what its jobs have left running."""
    for name in (*NODES, "slurmctld", "slurmdbd", "mariadbd", "munged"):
        _end(folder / f"{name}.pid", signal.SIGKILL)
    for pid in _job_processes(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _job_processes(folder: Path) -> Iterator[int]:
    """The cluster's jobs: SLURM's variables tell. And the `slurmstepd` over them, which work in its folder."""
    configuration = f"SLURM_CONF={folder}/slurm.conf".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = (process / "environ").read_bytes().split(b"\0")
            of_a_job = any(variable.startswith(b"SLURM_JOB_ID=") for variable in variables)
            if (of_a_job and configuration in variables) or folder in (process / "cwd").readlink().parents:
                yield int(process.name)


def _environment(folder: Path) -> dict[str, str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    path = os.pathsep.join([str(folder / "bin"), outside.get("PATH", os.defpath)])
    return {**outside, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}


def _daemon(env: dict[str, str], name: str, *arguments: str) -> None:
    """Start a program that puts itself into the background once it runs."""
    subprocess.run([shutil.which(name, path=SEARCH_PATH), *arguments], env=env, check=True, timeout=60)


def _answers(this: Cluster, *command: str) -> bool:
    """Whether a command of SLURM finds the daemon that it asks."""
    return subprocess.run(command, env=this.env, capture_output=True, check=False, timeout=60).returncode == 0


def _end(pid_file: Path, signal_number: int) -> None:
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.kill(int(pid_file.read_text()), signal_number)
        pid_file.unlink()


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _by_hand(accounting: bool) -> None:
    if reason := missing(accounting):
        sys.exit(f"error: {reason}")
    with cluster(accounting) as running:
        print(
            "A SLURM cluster runs. In another terminal, to use it:\n\n"
            f"  export SLURM_CONF={running.env['SLURM_CONF']} PATH={running.folder}/bin:$PATH\n"
            "  sinfo\n\nCtrl-C stops it.",
            flush=True,
        )
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    accounting = sys.argv[-1] == "--accounting"
    if sys.argv[1:2] == ["--supervise"]:
        _supervise(Path(sys.argv[2]), accounting)
    else:
        _by_hand(accounting)
