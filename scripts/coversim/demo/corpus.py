"""Writes the demo corpus: the performances of `demo_covers` as chroma, in files like the genuine Da-TACOS'.

No audio is made: notes become energy per pitch class and frame, spread over their partials, out of tune,
under drums and noise; then each feature is derived from that energy as its extractor would see it. The
parts of a genuine file that have bitten readers are all here: orientations, bin 0 of HPCP at A, crema in
steps of 8 frames and one frame short, silent frames.
"""

import json
import random
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from shutil import rmtree

import h5py
import numpy as np
from scipy.ndimage import convolve1d, uniform_filter1d

from coversim.dataset.features import FEATURES, FRAME_RATE
from coversim.demo.covers import Performance, perform
from coversim.demo.songs import SUBSET, files, songs
from coversim.demo.works import Note
from coversim.storage.atomic import replacing

HOLD = FEATURES["crema"].hold
CHUNK_ROWS = {"crema": 1, "hpcp": 1365, "cens": 682}
PARTIALS = np.arange(1, 9)
PARTIAL_PITCH_CLASSES = np.round(12 * np.log2(PARTIALS)).astype(int) % 12
RELEASE = int(0.25 * FRAME_RATE)  # frames for which a note rings on
CENS_WINDOW = 41  # frames, as in librosa
STEPS = 512  # HPCP and CENS are rounded to 1/STEPS, so that the corpus stays small on disk


def write(root: Path, works: int, seed: int, metadata: Path, jobs: int = 1) -> None:
    """Write the corpus below `root` in place of any earlier one, with `jobs` processes; `metadata` last."""
    for earlier in root.glob(f"da-tacos_{SUBSET}_subset_*"):
        rmtree(earlier)
    listed = songs(works, seed)
    with ProcessPoolExecutor(jobs) as pool:
        described = list(pool.map(partial(write_song, root, seed), listed, chunksize=4))
    entries: dict[str, dict[str, dict[str, str]]] = {}
    for (work, performance), entry in zip(listed, described, strict=True):
        entries.setdefault(work, {})[performance] = entry
    with replacing(metadata) as temporary:
        temporary.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_song(root: Path, seed: int, song: tuple[str, str]) -> dict[str, str]:
    """Write one song's files; its entry in the metadata."""
    work, name = song
    performance = perform(seed, work, name)
    rng = np.random.default_rng(random.Random(f"{seed}/{work}/{name}/sound").getrandbits(64))
    features = chroma(performance, rng)
    for feature, path in files(work, name).items():
        write_file(root / path, FEATURES[feature].dataset, features[feature], CHUNK_ROWS[feature], work, name)
    return {
        "work_title": performance.work_title,
        "work_artist": performance.work_artist,
        "perf_title": performance.title,
        "perf_artist": performance.artist,
        "release_year": str(performance.year),
        "work_id": work,
        "perf_id": name,
        "instrumental": "Yes" if performance.instrumental else "No",
    }


def chroma(performance: Performance, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The features of a performance as its files hold them."""
    style = performance.style
    lead_in, lead_out = rng.uniform(0.05, 1.0), rng.uniform(0.5, 3.0)
    music = round((performance.beats[-1] + 0.5) * FRAME_RATE)
    melody, chords, bass = (
        spread(activation(notes, music, style.sustain), style.brightness * rng.uniform(0.8, 1.2))
        for notes in (performance.melody, performance.chords, performance.bass)
    )
    tuning = rng.normal(0, 0.12)
    vibrato = style.vibrato * np.sin(2 * np.pi * rng.uniform(5, 6.5) * np.arange(music) / FRAME_RATE)
    levels = np.array([style.melody * (0.25 if performance.instrumental else 1), 1, style.bass])
    levels *= 2 ** rng.normal(0, 0.35, 3)
    voices = levels[0] * detuned(melody, vibrato) + levels[1] * chords + levels[2] * bass
    voices = detuned(voices, np.full(music, tuning))

    hiss = uniform_filter1d(rng.gamma(0.5, 2, (music, 12)), 4, axis=0)
    drums = activation([Note(beat, 0.1, 0) for beat in performance.beats[:-1]], music, 0.08).max(
        1, keepdims=True
    )
    energy = voices * rng.gamma(4, 1 / 4, (music, 12)) + (style.noise + style.drums * drums) * hiss
    silence = (round(lead_in * FRAME_RATE), round(lead_out * FRAME_RATE))
    energy, voices = (np.pad(array, (silence, (0, 0))) for array in (energy, voices))

    peak = energy.max(axis=1, keepdims=True)
    hpcp = rounded(np.sqrt(np.divide(energy, peak, where=peak > 0, out=np.zeros_like(energy))))
    from_a = np.roll(hpcp, -FEATURES["hpcp"].roll, axis=1).astype(np.float32)
    return {"crema": crema(energy), "hpcp": from_a, "cens": rounded(cens(energy))}


def activation(notes: Iterable[Note], frames: int, sustain: float) -> np.ndarray:
    """(frames, 12) energy of the notes' fundamentals, each falling to 1/e in `sustain` seconds."""
    energy = np.zeros((frames, 12))
    fall = np.exp(-np.arange(frames) / (sustain * FRAME_RATE))
    ring = np.linspace(0.4, 0, RELEASE)
    for onset, duration, pitch in notes:
        start, held = int(onset * FRAME_RATE), max(1, int(duration * FRAME_RATE))
        into = energy[start : start + held + RELEASE, pitch % 12]
        into += (fall[: held + RELEASE] * np.append(np.ones(held), ring))[: len(into)]
    return energy


def spread(energy: np.ndarray, brightness: float) -> np.ndarray:
    """(T, 12) energy over the pitch classes of 8 partials, each `brightness` times the one below."""
    profile = np.bincount(PARTIAL_PITCH_CLASSES, brightness ** (PARTIALS - 1), minlength=12)
    return energy @ np.stack([np.roll(profile, pitch) for pitch in range(12)])


def detuned(energy: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(T, 12) energy played `offset` (T,) semitones sharp, |offset| < 1: a part leaks into the next bin."""
    sharp, flat = np.clip(offset, 0, None)[:, None], np.clip(-offset, 0, None)[:, None]
    return (
        (1 - sharp - flat) * energy + sharp * np.roll(energy, 1, axis=1) + flat * np.roll(energy, -1, axis=1)
    )


def crema(energy: np.ndarray) -> np.ndarray:
    """(12, T - 1) float32 as crema sees (T, 12) energy: in steps, some three pitch classes on at a time."""
    coarse = uniform_filter1d(energy, 40, axis=0)[::HOLD] + 1e-9
    ranked = np.sort(coarse, axis=1)
    edge = np.sqrt(ranked[:, -3:-2] * ranked[:, -4:-3])
    on = (ranked[:, -1:] > 1e-6) / (1 + (edge / coarse) ** 5)
    nearest = (np.arange(len(energy) - 1) + 3) // HOLD  # as in the genuine files
    held = on[np.minimum(nearest, len(on) - 1)]
    return np.clip(held, 6e-5, 0.9992).astype(np.float32).T


def cens(energy: np.ndarray) -> np.ndarray:
    """(T, 12) chroma energy normalised statistics (Müller, Kurth & Clausen 2005) of (T, 12) energy."""
    total = energy.sum(axis=1, keepdims=True)
    share = np.divide(energy, total, where=total > 0, out=np.zeros_like(energy))
    quantised = 0.25 * sum(share > step for step in (0.05, 0.1, 0.2, 0.4))
    window = np.hanning(CENS_WINDOW + 2)[1:-1]
    smooth = convolve1d(quantised, window / window.sum(), axis=0, mode="constant")
    norm = np.linalg.norm(smooth, axis=1, keepdims=True)
    return np.divide(smooth, norm, where=norm > 0, out=np.zeros_like(smooth))


def rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values * STEPS) / STEPS


def write_file(path: Path, name: str, values: np.ndarray, rows: int, work: str, performance: str) -> None:
    """One array as deepdish wrote it: a PyTables CARRAY, the song's identity in the root's attributes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        describe(file, CLASS="GROUP", PYTABLES_FORMAT_VERSION="2.1", TITLE="", VERSION="1.0")
        describe(file, label=work, track_id=performance)
        file.attrs["DEEPDISH_IO_VERSION"] = 12
        array = file.create_dataset(
            name,
            data=values,
            chunks=(rows, values.shape[1]),
            compression="gzip",
            compression_opts=4,
            shuffle=True,
        )
        describe(array, CLASS="CARRAY", TITLE="", VERSION="1.1")


def describe(item: h5py.HLObject, **attributes: str) -> None:
    for name, text in attributes.items():
        item.attrs[name] = np.bytes_(text) if text else h5py.Empty("S1")
