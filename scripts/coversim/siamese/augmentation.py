"""What a cover may change, done to a song's frames (C, 12, T) while training: one song becomes many.

Each step takes frames, its amount from `train.augmentation` (0: the step is left out) and the epoch's
generator, and gives frames, perhaps of another length.
"""

import torch
from torch import Tensor

from coversim.features.patches import PITCH_CLASSES, at_tempo

TOGETHER = 2**16  # frames of a batch at most, where songs are seen whole: 48 of nearly six minutes at 4 Hz


def augment(frames: Tensor, amounts: dict, generator: torch.Generator) -> Tensor:
    """The frames after every step whose amount is above 0, in the order of STEPS."""
    for name, step in STEPS.items():
        if amounts[name] > 0:
            frames = step(frames, amounts[name], generator)
    return frames


def form(frames: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """With this probability one section, up to a third of the song, is dropped or repeated."""
    length = frames.shape[-1]
    section = 1 + _integer(length // 3, generator)
    start = _integer(length - section, generator)
    stop = start + section
    happens, repeats = _uniform(generator) < probability, _uniform(generator) < 0.5
    if not happens or section == length:
        return frames
    if repeats:
        return torch.cat((frames[..., :stop], frames[..., start:]), dim=-1)
    return torch.cat((frames[..., :start], frames[..., stop:]), dim=-1)


def tempo(frames: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Up to 1 + `amount` times faster or slower (0.4: 0.71 to 1.4), evenly in the logarithm."""
    return at_tempo(frames, (1 + amount) ** (2 * _uniform(generator) - 1))


def overtones(frames: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Timbre: pitch classes leak into their fifth (3rd harmonic) and, less, their major third (5th harmonic)."""
    fifth, third = amount * _uniform(generator), 0.6 * amount * _uniform(generator)
    return frames + fifth * frames.roll(7, dims=1) + third * frames.roll(4, dims=1)


def noise(frames: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Uniform noise; its highest value is up to `amount` times the song's."""
    level = amount * _uniform(generator) * frames.max()
    return frames + level * torch.rand(frames.shape, generator=generator)


def gain(frames: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Each pitch class louder or softer throughout the song, by a normal logarithm of deviation up to `amount`."""
    deviation = amount * _uniform(generator)
    return frames * torch.exp(deviation * torch.randn(PITCH_CLASSES, 1, generator=generator))


def excerpt(frames: Tensor, length: int, generator: torch.Generator) -> Tensor:
    """`length` frames from a random start on; behind the song's end it starts again."""
    start = _integer(frames.shape[-1] - 1, generator)
    return frames[..., (start + torch.arange(length)) % frames.shape[-1]]


STEPS = {"form": form, "tempo": tempo, "overtones": overtones, "noise": noise, "gain": gain}


def _uniform(generator: torch.Generator) -> float:
    return torch.rand((), generator=generator).item()


def _integer(highest: int, generator: torch.Generator) -> int:
    """0 … highest."""
    return int(torch.randint(highest + 1, (), generator=generator))


def varied(frames: Tensor, settings: dict, generator: torch.Generator, songs: int) -> Tensor:
    """A song as training sees it this time, among so many songs of a batch: augmented, and as configured an excerpt of it.

    Where songs are seen whole, one that is longer than its share of TOGETHER is seen in part: one recording of an hour must
    not decide how much memory a batch takes. Songs of a configured number of frames (`fft.frames`) stay whole.
    """
    frames = augment(frames, settings["train"]["augmentation"], generator)
    seconds, rate = settings["train"]["excerpt"], settings["fft"]["rate"]
    if seconds:
        return excerpt(frames, max(1, round(seconds * rate)), generator)
    share = TOGETHER // songs
    if settings["fft"]["frames"] is None and frames.shape[-1] > share:
        return excerpt(frames, share, generator)
    return frames
