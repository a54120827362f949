"""What a person sees of a run on a terminal: one line that counts its jobs, and in full whatever goes wrong.

Snakemake says ten lines for each job. To be `quiet` about rules would also silence their errors, and would thin out
the log in a file. Where there is no terminal nothing changes, nor for someone who asks for other output.
"""

import atexit
import logging
import shutil
import sys
import time
from collections import Counter
from typing import Any

HIDDEN_EVENTS = {"job_info", "job_started", "job_finished", "group_info", "progress", "shellcmd"}
HIDDEN_MESSAGES = ("Select jobs to execute", "CalledProcessError in file", "submitted with SLURM jobid")
CLEAR_LINE = "\r\x1b[K"
INTERRUPTED = (
    "\nInterrupted. Nothing is lost: give the same command again, and the run goes on where it stopped."
)


def begin(workflow: Any) -> None:
    """As the run of a `workflow` of Snakemake's starts: count its jobs on the terminal, and be ready for Ctrl-C."""
    logger, settings = workflow.logger_manager.logger, workflow.output_settings
    if not (settings.verbose or settings.printshellcmds or settings.quiet):
        for handler in list(logger.handlers):
            if getattr(handler, "is_tty", False):
                logger.removeHandler(handler)
                logger.addHandler(JobCounter(handler, len(list(workflow.dag.needrun_jobs()))))
    logger.addFilter(_explain_interruption)
    atexit.register(end, workflow)


def end(workflow: Any) -> None:
    """Leave the line as it is: what is said from now on follows below."""
    logger = workflow.logger_manager.logger
    for handler in list(logger.handlers):
        if isinstance(handler, JobCounter):
            handler.full.stream.write("\n")
            logger.removeHandler(handler)
            logger.addHandler(handler.full)


class JobCounter(logging.Handler):
    """In the place of a terminal's own handler `full`, which goes on to say what is not hidden, above the line."""

    def __init__(self, full: Any, jobs: int):
        super().__init__()
        self.full = full
        self.jobs = jobs
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.running: dict[int, str] = {}  # the rule of each job
        self.began = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        self._count(vars(record))
        self.full.stream.write(CLEAR_LINE)
        event, message = getattr(record, "event", None), str(record.msg)
        if event not in HIDDEN_EVENTS and not any(hidden in message for hidden in HIDDEN_MESSAGES):
            self.full.handle(record)
        self.full.stream.write(self.line()[: shutil.get_terminal_size().columns - 1])
        self.full.flush()

    def line(self) -> str:
        """How far the run is."""
        done = len(self.done)
        per_minute = 60 * done / (time.monotonic() - self.began)
        running = ", ".join(
            f"{count} {rule}" for rule, count in sorted(Counter(self.running.values()).items())
        )
        return (
            f"{done} of {self.jobs} jobs ({done / self.jobs:.0%}), {per_minute:.1f} a minute"
            + (f" · {len(self.failed)} failed" if self.failed else "")
            + (f" · now {running}" if running else "")
        )

    def _count(self, record: dict[str, Any]) -> None:
        match record.get("event"):
            case "job_info":  # a job that starts, perhaps once more
                self.running[record["jobid"]] = record["rule_name"]
                self.failed.discard(record["jobid"])
            case "job_finished":
                self.running.pop(record["job_id"], None)
                self.done.add(record["job_id"])
            case "job_error":
                self.running.pop(record["jobid"], None)
                self.failed.add(record["jobid"])


def _explain_interruption(record: logging.LogRecord) -> bool:
    """Have the last line say how to go on, once Snakemake has said that it was interrupted; for `addFilter`."""
    if "on user request" in str(record.msg):
        atexit.unregister(_say_how_to_go_on)
        atexit.register(_say_how_to_go_on)
    return True


def _say_how_to_go_on() -> None:
    print(INTERRUPTED, file=sys.stderr)
