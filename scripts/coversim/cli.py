"""What every script does around its one call: logging to stderr, and errors in one line."""

import logging
import resource
import sys
from collections.abc import Callable

from coversim.errors import CoversimError


def run(main: Callable[[], None]) -> None:
    """Call `main`; an error the user can mend ends in one line on stderr and exit status 1."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        main()
    except (CoversimError, OSError) as error:
        sys.exit(f"error: {error}")
    # exact, where Snakemake's benchmark files only sample
    logging.info("peak memory %.0f MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
