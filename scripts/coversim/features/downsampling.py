"""Downsampling along time by truncating the spectrum.

The spectrum is the discrete cosine transform (DCT-II), which is the Fourier transform of the song followed by
its mirror image. A plain Fourier transform takes a song to be periodic, and the jump from its last frame back
to its first rings at both ends; the mirrored song has no such jump. Keeping the lowest coefficients and
transforming back is an ideal low-pass and a resampling in one, and each new frame lies in the middle of its
share of the song.
"""

import numpy as np
from scipy.fft import dct, idct, next_fast_len


def downsample(
    values: np.ndarray,
    frame_rate: float,
    *,
    rate: float | None = None,
    frames: int | None = None,
    hold: int = 1,
    non_negative: bool = False,
) -> np.ndarray:
    """(rows, T) at `frame_rate` Hz → (rows, T') float32 at `rate` Hz, or in a fixed number of `frames`.

    `hold` is the number of frames for which each value is repeated: such steps would ring, so only every
    `hold`-th frame is taken first. `non_negative` clips what rings below 0. A song too short for a single new
    frame gets one; one shorter than `frames` is interpolated.

    A transform of prime length is ten times slower than its neighbours, hence the song is continued by its
    mirror image to a length with small factors only. The new frames then lie on a grid whose spacing is off by
    at most half a frame over the whole song.
    """
    values = values[:, ::hold].astype(np.float32, copy=False)
    length = values.shape[1]
    if frames is not None:
        spacing = length / frames
    elif rate is not None:
        spacing = frame_rate / hold / rate
    else:
        raise ValueError("either a rate or a number of frames is needed")
    new_length = frames or max(1, round(length / spacing))
    fast_length = next_fast_len(length, real=True)
    new_fast_length = max(new_length, round(fast_length / spacing))

    continued = np.concatenate([values, values[:, ::-1][:, : fast_length - length]], axis=1)
    spectrum = dct(continued, norm="ortho", overwrite_x=True)[:, :new_fast_length]
    spectrum *= np.sqrt(new_fast_length / fast_length)
    resampled = idct(spectrum, n=new_fast_length, norm="ortho", overwrite_x=True)[:, :new_length]
    return np.maximum(resampled, 0) if non_negative else resampled
