"""Stable hashes, on which shards, splits and all random draws hang."""

import hashlib


def stable_hash(*parts: object) -> int:
    """64-bit hash of the parts' text, the same on every machine and in every run (BLAKE2b)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest())
