"""Snakemake, which looks at its SLURM jobs every COVERSIM_LOOK_EVERY seconds, where the plugin pauses ten longer each time."""

import asyncio
import os
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def _sleep(self):
    await asyncio.sleep(float(os.environ["COVERSIM_LOOK_EVERY"]))


if __name__ == "__main__":
    RemoteExecutor.sleep = _sleep
    sys.exit(main())
