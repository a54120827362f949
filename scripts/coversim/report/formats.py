"""How the report writes numbers."""

from math import isfinite, isnan


def fixed(value: float, digits: int = 3) -> str:
    """A number with so many digits; a dash for NaN and infinity."""
    return f"{value:,.{digits}f}".replace("-", "−") if isfinite(value) else "–"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign."""
    return f"{value:+,.{digits}f}".replace("-", "−") if isfinite(value) else "–"


def count(value: float) -> str:
    """A whole number with separators."""
    return f"{value:,.0f}"


def share(value: float) -> str:
    """A share in percent, with as many digits as it takes to tell it from none and from all."""
    if not isfinite(value):
        return "–"
    digits = 0 if 0.1 <= value <= 0.9 or value in (0, 1) else 1 if 0.01 <= value <= 0.99 else 2
    return f"{100 * value:.{digits}f} %"


def clock(seconds: float) -> str:
    """A moment of a song: 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def duration(seconds: float) -> str:
    """Time in the two largest units that say something."""
    if isnan(seconds):
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def megabytes(value: float) -> str:
    """Memory in MB or GB (powers of ten); a dash where it was not sampled."""
    if isnan(value):
        return "–"
    return f"{value / 1000:.2f} GB" if value >= 1000 else f"{value:.0f} MB"


def probability(p: float) -> str:
    """A p value, no smaller than the bootstrap can tell."""
    return "–" if isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


FILTERS = {
    one.__name__: one for one in (fixed, signed, count, share, clock, duration, megabytes, probability)
}
