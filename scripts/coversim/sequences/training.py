"""What the projection of patches is fitted to: the training songs, and the moments of their patches."""

from collections.abc import Sequence
from pathlib import Path

from coversim.sequences.patches import WINDOW, patches
from coversim.sequences.projection import SecondMoments
from coversim.storage import frames, tsv


def moments_of_shard(shards: Sequence[Path], catalogue: Path) -> SecondMoments:
    """Second moments of the patches of a shard's training songs; `shards` are its frames, a file of each feature.

    Each recording of the shard counts once; those of other shards are not known here.
    """
    training = {
        (song["work"], song["performance"]) for song in tsv.read(catalogue) if song["split"] == "train"
    }
    moments = SecondMoments(WINDOW * len(shards))
    for song in frames.once_each(frames.songs(shards, training)):
        moments.add(patches(song.frames))
    return moments


def of_sources(files: Sequence[Path]) -> list[SecondMoments]:
    """The moments of each source, merged from the files of its shards, `…/<data set>/<shard>.npz`."""
    sources: dict[str, SecondMoments] = {}
    for path in files:
        moments = SecondMoments.load(path)
        if path.parent.name in sources:
            sources[path.parent.name].merge(moments)
        else:
            sources[path.parent.name] = moments
    return list(sources.values())
