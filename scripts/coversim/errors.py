"""The errors that a user can mend."""


class CoversimError(Exception):
    """Something the user can mend: the message names the file and the remedy."""


class BadSong(CoversimError):
    """One song that cannot be used, and why; the run goes on without it."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(f"{reason}. Remedy: {remedy}")
        self.reason = reason
        self.remedy = remedy
