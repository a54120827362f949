"""Times as people read them."""


def clock(seconds: float) -> str:
    """Seconds as m:ss."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def span(seconds: tuple[float, float]) -> str:
    """From and to, as m:ss–m:ss."""
    return f"{clock(seconds[0])}–{clock(seconds[1])}"
