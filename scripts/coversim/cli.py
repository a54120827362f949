"""What every script does around its one call: logging to stderr, and errors in one line."""

import logging
import resource
import sys
from collections.abc import Callable

from coversim.errors import CoversimError
from coversim.storage.fence import superseded


def run(main: Callable[[], None]) -> None:
    """Call `main`; an error the user can mend ends in one line on stderr and exit status 1.

    A job whose run is over has failed by nobody's fault, and ends with status 0: after an error the Snakemake around
    it would delete the job's outputs, which by then are those of a newer run.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        main()
    except Exception as error:
        if superseded():
            logging.warning("another run has begun: what this job made is left alone")
            return
        if not isinstance(error, CoversimError | OSError):
            raise
        sys.exit(f"error: {error}")
    # exact, where Snakemake's benchmark files only sample
    logging.info("peak memory %.0f MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
