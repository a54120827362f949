"""Snakemake, which looks at its SLURM jobs every two seconds, where the plugin pauses ten seconds longer each time."""

import asyncio
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

PAUSE = 2


async def _sleep(self):
    await asyncio.sleep(PAUSE)


if __name__ == "__main__":
    RemoteExecutor.sleep = _sleep
    sys.exit(main())
