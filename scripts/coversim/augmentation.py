"""What a cover may change, done to a song's frames (C, 12, T) while training: one song becomes many.

Each step takes frames, its amount from `train.augmentation` (0: the step is left out) and the epoch's
generator, and gives frames, perhaps of another length.
"""

import torch
from torch import Tensor

from coversim.patches import PITCH_CLASSES


def augment(frames: Tensor, amounts: dict, generator: torch.Generator) -> Tensor:
    """The frames after every step whose amount is above 0, in the order of STEPS."""
    for name, step in STEPS.items():
        if amounts[name] > 0:
            frames = step(frames, amounts[name], generator)
    return frames


def crop(frames: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Only a stretch of the song; at most `share` of it is lost."""
    length = frames.shape[-1]
    kept = max(1, round(length * (1 - share * _uniform(generator))))
    start = _integer(length - kept, generator)
    return frames[..., start : start + kept]


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
    factor = (1 + amount) ** (2 * _uniform(generator) - 1)
    length = max(1, round(frames.shape[-1] / factor))
    return torch.nn.functional.interpolate(frames, size=length, mode="linear", align_corners=False)


def transpose(frames: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """With this probability by 0 to 11 semitones: for representations that are not invariant."""
    semitones = _integer(PITCH_CLASSES - 1, generator)
    return frames.roll(semitones, dims=1) if _uniform(generator) < probability else frames


def overtones(frames: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Timbre: each pitch class leaks into its fifth (third harmonic) and its major third (fifth harmonic)."""
    fifth, third = amount * _uniform(generator), amount * _uniform(generator)
    return frames + fifth * frames.roll(7, dims=1) + third * frames.roll(4, dims=1)


def pitch_dropout(frames: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Each pitch class is silent throughout the song with this probability."""
    kept = torch.rand(PITCH_CLASSES, generator=generator) >= probability
    return frames * kept[:, None]


def noise(frames: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Uniform noise of up to `amount` of the song's loudest value."""
    return frames + amount * frames.max() * torch.rand(frames.shape, generator=generator)


STEPS = {
    "crop": crop,
    "form": form,
    "tempo": tempo,
    "transpose": transpose,
    "overtones": overtones,
    "pitch_dropout": pitch_dropout,
    "noise": noise,
}


def _uniform(generator: torch.Generator) -> float:
    return torch.rand((), generator=generator).item()


def _integer(highest: int, generator: torch.Generator) -> int:
    """0 … highest."""
    return int(torch.randint(highest + 1, (), generator=generator))
