"""How far long work is."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

LOG_EVERY = 30  # seconds
SHOW_EVERY = 0.1  # seconds, on a terminal

Item = TypeVar("Item")


def followed(items: Iterable[Item], what: str, of: int | None = None) -> Iterator[Item]:
    """The items, one by one, and how far they are, with rate and remaining time.

    On a terminal one line of standard error says so, which goes when all is done. Where there is none, the log has
    a line now and then; who keeps no log hears nothing.

    Parameters
    ----------
    what : the items are, in the plural
    of : how many there will be; None: as many as `items` has, if it knows
    """
    if of is None and isinstance(items, Sized):
        of = len(items)
    shown = sys.stderr.isatty()
    pause = SHOW_EVERY if shown else LOG_EVERY
    started = said = time.monotonic()
    try:
        for done, item in enumerate(items, start=1):
            yield item  # asked for the next one, the work on this one is done
            now = time.monotonic()
            if now - said >= pause:
                said = now
                text = _said(done, of, what, now - started)
                if shown:
                    # messages then begin where it does
                    print(f"\x1b[K{text}", end="\r", file=sys.stderr, flush=True)
                else:
                    logging.info("%s", text)
    finally:
        if shown and said > started:
            print("\x1b[K", end="", file=sys.stderr, flush=True)


def _said(done: int, of: int | None, what: str, seconds: float) -> str:
    rate = done / seconds
    pace = f"{rate:.1f} a second" if rate >= 1 else f"{1 / rate:.1f} s each"
    if of is None:
        return f"{done:,} {what}, {pace}"
    return f"{done:,} of {of:,} {what}, {pace}, {_duration((of - done) / rate)} left"


def _duration(seconds: float) -> str:
    """Seconds as h:mm:ss, or m:ss."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"
