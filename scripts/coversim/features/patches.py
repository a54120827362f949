"""From the frames of songs to the patches that an encoder sees, on the fly and in batches.

A representation takes frames (B, C, 12, T), zero beyond each song's length, with lengths (B,), and gives
patches (B, P, ..., D) with a mask (B, P) that is true where a song has a patch. C counts features (crema,
hpcp, …). What a song gives depends on nothing but the song: neither on the padding nor on the others in the
batch. A song shorter than one window has one patch, filled up with silence (zeros).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from coversim.errors import CoversimError

PITCH_CLASSES = 12
BISPECTRUM = 3.0  # factor that gives it about the variance of the magnitudes, over six sources of music


def representation(settings: dict) -> "Fourier | Flat | Frames":
    """The representation that an experiment's resolved settings ask for: `fourier`, `flat` or `frames`."""
    chosen, fft, channels = settings["representation"], settings["fft"], len(settings["features"])
    if chosen["kind"] == "flat":
        return Flat(channels, fft["frames"], chosen["sharpness"])
    hop = max(1, round(chosen["hop"] * fft["rate"]))
    sizes = [max(2, round(seconds * fft["rate"])) for seconds in chosen["seconds"]]
    if chosen["kind"] == "frames":
        return Frames(channels, sizes[0], hop, chosen["sharpness"], chosen["power"])
    lags = list(dict.fromkeys(round(seconds * fft["rate"]) for seconds in chosen["bispectrum"]))
    return Fourier(channels, sizes, hop, chosen["sharpness"], chosen["compression"], chosen["power"], lags)


class Fourier(nn.Module):
    """Magnitude of the two-dimensional Fourier transform of windows, over pitch class × time.

    After Bertin-Mahieux & Ellis (2012), "Large-scale cover song recognition using the 2D Fourier transform
    magnitude". Transposing a song rotates its pitch classes, which the magnitude does not see, nor does it
    see where in the window something happens. A patch joins windows of several `sizes` (in frames) around one
    moment. In each, each feature's magnitudes x are scaled to a mean square of 1, which loudness does not change,
    become log(1 + c·x) where the `compression` c is above 0, and are divided by the root of their number; silence
    is zero. Of two bins that mirror each other one is kept, times √2: products and distances of patches are those
    of whole transforms. `sharpness` has one value per feature; for `power` see `raised`.

    With `lags` (in frames) a patch has the bispectrum of its largest window, too; see `bispectrum`.
    """

    def __init__(
        self,
        channels: int,
        sizes: Sequence[int],
        hop: int,
        sharpness: Sequence[float],
        compression: float,
        power: float = 0.0,
        lags: Sequence[int] = (),
    ):
        super().__init__()
        self.sizes, self.hop, self.sharpness, self.compression = sizes, hop, sharpness, compression
        self.power, self.lags = power, lags
        bins = sum(len(_distinct_bins(size)[0]) for size in sizes)
        self.size = channels * (bins + 2 * len(_pairs()[0]) * len(lags) ** 2)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (B, P, D) and mask (B, P)."""
        frames = sharpen(raised(frames, self.power), self.sharpness)
        found, mask = windows(frames, lengths, self.sizes, self.hop)
        parts = [self._magnitudes(window) for window in found]
        if self.lags:
            parts.append(BISPECTRUM * bispectrum(frames, lengths, self.lags, max(self.sizes), self.hop))
        return torch.cat(parts, dim=2), mask

    def _magnitudes(self, window: Tensor) -> Tensor:
        """(B, P, C, 12, W) → (B, P, C · bins)."""
        bins, weights = (values.to(window.device) for values in _distinct_bins(window.shape[-1]))
        patches = normalize(weights * torch.fft.rfft2(window).abs().flatten(-2)[..., bins], dim=-1)
        if self.compression:
            root = (PITCH_CLASSES * window.shape[-1]) ** 0.5
            patches = weights / root * (self.compression * root / weights * patches).log1p()
        return patches.flatten(2)


class Flat(nn.Module):
    """One patch per song: all its frames, the same number for every song, one after the other."""

    def __init__(self, channels: int, frames: int, sharpness: Sequence[float]):
        super().__init__()
        self.frames, self.sharpness = frames, sharpness
        self.size = channels * PITCH_CLASSES * frames

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (B, 1, D) and mask (B, 1)."""
        if frames.shape[-1] != self.frames:
            raise CoversimError(
                f"songs of {frames.shape[-1]} frames instead of {self.frames}. Remedy: delete the fft folder, run again"
            )
        return sharpen(frames, self.sharpness).flatten(1)[:, None], torch.ones(
            len(frames), 1, dtype=torch.bool, device=frames.device
        )


class Frames(nn.Module):
    """Windows over time, each pitch class by itself: what a convolution along time sees.

    A PCA of these rows, shared by the twelve pitch classes, is the first layer of a convolutional network and
    commutes with transposition: rotating the pitch classes before it or after it is the same.
    """

    def __init__(self, channels: int, window: int, hop: int, sharpness: Sequence[float], power: float = 0.0):
        super().__init__()
        self.window, self.hop, self.sharpness, self.power = window, hop, sharpness, power
        self.size = channels * window

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (B, P, 12, D) and mask (B, P)."""
        frames = sharpen(raised(frames, self.power), self.sharpness)
        (found,), mask = windows(frames, lengths, [self.window], self.hop)
        return found.transpose(2, 3).flatten(3), mask


def bispectrum(frames: Tensor, lengths: Tensor, lags: Sequence[int], size: int, hop: int) -> Tensor:
    """Mean products of three values of a song's chroma, over windows of `size` frames, (B, P, C · products).

    Of frames (B, C, 12, T), less the mean frame of their song, X_j(t) is the orthonormal Fourier transform along pitch class.
    The products are X_j(t) · X_k(t + a) · conj X_{j+k}(t + b), with 1 <= j <= k <= 6 and a and b each of `lags`, real and
    imaginary parts. Transposition turns the phases of the three so that the product stays. Unlike magnitudes it keeps how
    their phases go together: it tells a melody from its retrograde inversion. After Kakarala (2012), "The bispectrum as
    a source of phase-sensitive invariants for Fourier descriptors". Windows are those of `windows`.
    """
    average = silence_padding(frames, lengths).sum(dim=-1, keepdim=True) / lengths[:, None, None, None]
    frames = silence_padding(frames - average, lengths)
    frames = nn.functional.pad(frames, (0, max(0, size - frames.shape[-1])))
    steps = torch.arange(PITCH_CLASSES, device=frames.device)
    angles = 2 * math.pi / PITCH_CLASSES * (steps[:, None] * steps % PITCH_CLASSES)
    real = angles.cos() @ frames / PITCH_CLASSES**0.5
    imaginary = -angles.sin() @ frames / PITCH_CLASSES**0.5
    first, second, third = (orders.to(frames.device) for orders in _pairs())
    span = frames.shape[-1] - max(lags)

    def at(orders: Tensor, lag: int) -> tuple[Tensor, Tensor]:
        return real[:, :, orders, lag : lag + span], imaginary[:, :, orders, lag : lag + span]

    def mean(products: Tensor) -> Tensor:  # of each window, so that not all products are in memory at a time
        return products.unfold(-1, size - max(lags), hop).mean(dim=-1)

    found = []
    for a in lags:
        (x, ix), (y, iy) = at(first, 0), at(second, a)
        pair, ipair = x * y - ix * iy, x * iy + ix * y
        for b in lags:
            z, iz = at(third, b)
            found += [mean(pair * z + ipair * iz), mean(ipair * z - pair * iz)]
    return torch.cat(found, dim=2).flatten(1, 2).transpose(1, 2)


def _pairs() -> tuple[Tensor, Tensor, Tensor]:
    """Orders j <= k of the Fourier transform along pitch class, and the order j + k, as three rows."""
    orders = range(1, PITCH_CLASSES // 2 + 1)
    pairs = [(j, k, (j + k) % PITCH_CLASSES) for j in orders for k in orders if j <= k]
    first, second, third = torch.tensor(pairs).T
    return first, second, third


def _distinct_bins(window: int) -> tuple[Tensor, Tensor]:
    """Bins of the real transform of 12 × `window` values, flattened, without those that mirror another.

    And the weight of each: √2 where the whole transform has it twice, else 1.
    """
    keep = torch.ones(PITCH_CLASSES, window // 2 + 1, dtype=torch.bool)
    keep[PITCH_CLASSES // 2 + 1 :, 0] = False  # at time frequency 0, p and -p mirror each other …
    if window % 2 == 0:
        keep[PITCH_CLASSES // 2 + 1 :, -1] = False  # … and at the Nyquist frequency too
    weights = torch.full(keep.shape, 2**0.5)
    its_own_mirror = [0, window // 2] if window % 2 == 0 else [0]
    for column in its_own_mirror:
        weights[[0, PITCH_CLASSES // 2], column] = 1
    return keep.flatten().nonzero().flatten(), weights[keep]


def raised(frames: Tensor, power: float) -> Tensor:
    """Frames (B, C, 12, T) at unit length to this power, at unit length again; with 0 they stay as they are.

    Silence stays silence. Above 1, weak pitch classes become weaker still.
    """
    return normalize(normalize(frames, dim=2) ** power, dim=2) if power else frames


def sharpen(frames: Tensor, sharpness: Sequence[float]) -> Tensor:
    """Frames (B, C, 12, T) whose weak pitch classes are weaker still, as far as each feature's sharpness says.

    The softmax over pitch classes of the sharpness times the frame, whose maximum is first scaled to 1; with
    0 a feature stays as it is. Silence stays silence. Real signals leak into all pitch classes; what matters is
    which ones stand out.
    """
    if not any(sharpness):
        return frames
    factor = frames.new_tensor(sharpness)[:, None, None]
    loudest = frames.amax(dim=2, keepdim=True)
    relative = frames / loudest.clamp(min=torch.finfo(frames.dtype).tiny)
    sharp = (factor * relative).softmax(dim=2) * (loudest > 0)
    return torch.where(factor > 0, sharp, frames)


def windows(frames: Tensor, lengths: Tensor, sizes: Sequence[int], hop: int) -> tuple[list[Tensor], Tensor]:
    """Windows (B, P, C, 12, W) over time, for each W of `sizes`, of frames (B, C, 12, T), and their mask (B, P).

    Windows of different sizes have their centres in common. A song has all windows of the largest size that
    fit; what is left over at its end is not seen.
    """
    largest = max(sizes)
    frames = silence_padding(frames, lengths)
    if frames.shape[-1] < largest:
        frames = nn.functional.pad(frames, (0, largest - frames.shape[-1]))
    last = frames.shape[-1] - largest
    found = [
        frames[..., (largest - size) // 2 :][..., : last + size].unfold(-1, size, hop).permute(0, 3, 1, 2, 4)
        for size in sizes
    ]
    count = (lengths - largest).clamp(min=0) // hop + 1
    mask = torch.arange(found[0].shape[1], device=frames.device) < count[:, None]
    return found, mask


def silence_padding(frames: Tensor, lengths: Tensor) -> Tensor:
    """Frames (B, C, 12, T) with zeros beyond each song's length."""
    within = torch.arange(frames.shape[-1], device=frames.device) < lengths[:, None]
    return frames * within[:, None, None, :]


def pad(songs: list[Tensor]) -> tuple[Tensor, Tensor]:
    """A batch (B, C, 12, T), zero beyond each song's end, and lengths (B,), of songs (C, 12, T_i)."""
    lengths = torch.tensor([song.shape[-1] for song in songs])
    batch = songs[0].new_zeros(len(songs), *songs[0].shape[:-1], int(lengths.max()))
    for row, song in zip(batch, songs, strict=True):
        row[..., : song.shape[-1]] = song
    return batch, lengths


def at_tempo(frames: Tensor, factor: float) -> Tensor:
    """Frames (C, 12, T) as if the song were played `factor` times as fast, interpolated along time."""
    length = max(1, round(frames.shape[-1] / factor))
    return frames if factor == 1 else interpolate(frames, size=length, mode="linear", align_corners=False)
