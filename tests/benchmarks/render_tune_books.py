"""A data set of tunes from tune books, as HPCP of rendered audio in the layout of Da-TACOS: render_tune_books.py OUTPUT BOOK …

A book is a folder: tunes in ABC notation in any text file (.abc, .js, .txt), or MIDI files of a tune each (.mid), which are
called after it. A work are the tunes of one title and one metre, from one book or several; tunes note for note the same
count once. Title and metre are all that is asked: now and then two different tunes have both in common, and are taken for one
work. Each tune is played by an instrument, at a tempo and a loudness of its own, drawn from its name, over and over for 66 s,
with a little noise; the HPCP is essentia's with acoss's parameters, 21.5 frames per second (`rate: 21.533203125`).

Needs Debian's abcmidi, fluidsynth and fluid-soundfont-gm, and essentia and mido (group `peers`). 1,239 tunes took 19 min on two cores, beside other work.
docs/benchmarks.md says which books the figures are of.
"""

import argparse
import re
import subprocess
import wave
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import h5py
import numpy as np

RATE, HOP, SECONDS = 44_100, 2_048, 66
SOUND_FONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
KINDS = "slip ?jig|hop ?jig|jig|reel|hornpipe|polka|slide|march|barndance|waltz|strathspey|fling|highland|air"
# fiddles, flutes and whistles, reeds, accordions, banjo, harp, guitars, piano, pipes
PROGRAMS = (40, 110, 73, 72, 74, 75, 71, 68, 65, 21, 22, 23, 105, 46, 24, 25, 0, 6, 109, 41)
NOTES = range(40, 1201)  # of a tune; what has fewer or more is a fragment, or several tunes


class Tune(NamedTuple):
    """Notes as (onset, end, pitch), in quarters and MIDI numbers."""

    name: str
    title: str
    metre: str  # 4/4
    notes: list[tuple[float, float, int]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="root of the data set")
    parser.add_argument("books", type=Path, nargs="+", help="folders; their names become those of the tunes")
    arguments = parser.parse_args()
    works = works_of([tune for book in arguments.books for tune in tunes_of(book)])
    tasks = [(arguments.output, work, tune) for work, tunes in works.items() for tune in tunes]
    print(
        f"{len(works)} works, {len(tasks)} tunes: {dict(Counter(map(len, works.values())))} of so many tunes"
    )
    with Pool() as pool:
        for done, _ in enumerate(pool.imap(write, tasks, 4), start=1):
            if done % 100 == 0:
                print(f"{done} tunes", flush=True)


def tunes_of(book: Path) -> Iterator[Tune]:
    """The tunes of a book that can be read; of one number and title the first."""
    seen = set()
    for path in sorted(book.rglob("*")):
        if path.suffix == ".mid":
            notes, metre = read_midi(path)
            if metre:
                yield Tune(f"{book.name}-{path.stem}", path.stem, metre, notes)
        elif path.suffix in {".abc", ".js", ".txt"}:
            text = path.read_bytes().decode("utf-8", "replace")
            for abc in re.findall(r"(?ms)(?:^|`)(X:.*?)(?=^X:|^\s*$|`|\Z)", text.replace("\r", "")):
                number, title, metre = (
                    match[1].strip() if (match := re.search(rf"(?m)^{field}:\s*(.+)$", abc)) else ""
                    for field in "XTM"
                )
                if title and metre and (number, title.lower()) not in seen:
                    seen.add((number, title.lower()))
                    metre = metre.replace("C|", "2/2").replace("C", "4/4")
                    yield Tune(f"{book.name}-{len(seen)}", title, metre, notes_of(abc))


def notes_of(abc: str) -> list[tuple[float, float, int]]:
    """What ABC notation says, without chords and text, repeats played; none: it cannot be read."""
    abc = re.sub(r"(?m)^(%%|[wWQVP]:).*\n", "", re.sub(r'"[^"]*"', "", re.sub(r"\AX:.*", "X:1", abc)))
    with TemporaryDirectory() as folder:
        source, midi = Path(folder, "tune.abc"), Path(folder, "tune.mid")
        source.write_text(abc)
        subprocess.run(["abc2midi", source, "-o", midi], capture_output=True, timeout=60)
        return read_midi(midi)[0] if midi.exists() else []


def read_midi(path: Path) -> tuple[list[tuple[float, float, int]], str]:
    """Notes and metre of a MIDI file; nothing of one that cannot be read."""
    import mido  # a peer, which need not be installed to look at this file

    try:
        midi = mido.MidiFile(path)
    except (OSError, EOFError, ValueError, KeyError, IndexError):
        return [], ""
    notes, metre = [], ""
    for track in midi.tracks:
        now, sounding = 0, defaultdict(list)
        for message in track:
            now += message.time
            if message.type == "time_signature":
                metre = metre or f"{message.numerator}/{message.denominator}"
            elif message.type == "note_on" and message.velocity:
                sounding[message.channel, message.note].append(now)
            elif message.type in {"note_on", "note_off"} and sounding[message.channel, message.note]:
                begun = sounding[message.channel, message.note].pop()
                notes.append((begun / midi.ticks_per_beat, now / midi.ticks_per_beat, message.note))
    start = min((begun for begun, _, _ in notes), default=0)
    return sorted((begun - start, end - start, pitch) for begun, end, pitch in notes), metre


def works_of(tunes: list[Tune]) -> dict[str, list[Tune]]:
    """Tunes of one title and metre together, where there are several."""
    works, seen = defaultdict(list), set()
    for tune in tunes:
        beats = {"2": 4, "4": 4, "6": 6, "12": 6, "9": 9, "3": 3}.get(tune.metre.split("/")[0])
        title = normalised(tune.title)
        if beats is None or not title or len(tune.notes) not in NOTES:
            continue
        length, lowest = tune.notes[-1][1], tune.notes[0][2]
        same = tuple((round(begun / length, 3), pitch - lowest) for begun, _, pitch in tune.notes[:60])
        if same not in seen:
            seen.add(same)
            works[f"{title}-{beats}"].append(tune)
    return {work: found for work, found in sorted(works.items()) if len(found) > 1}


def normalised(title: str) -> str:
    """A title's letters and figures, without article and kind of tune: `The Maid, (reel)` is `maid`."""
    title = re.sub(r"\(.*?\)", "", title.lower())
    letters = re.sub(r"[\W_]", "", title)
    letters = re.sub("the$", "", letters.removeprefix("the"))
    kinds = KINDS.replace(" ?", "")
    letters = re.sub(rf"({kinds})(i+|\d)$", r"\1", letters)
    letters = re.sub(rf"({kinds})$", "", letters)
    return "" if letters in {"", "ganainm", "untitled", "unknown"} else letters


def write(task: tuple[Path, str, Tune]) -> None:
    """Write the HPCP of a tune, as Da-TACOS has it: row 0 is the pitch class A."""
    root, work, tune = task
    folder = root / "da-tacos_tunebooks_subset_hpcp" / f"W_{work}_hpcp"
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / f"P_{tune.name}_hpcp.h5", "w") as file:
        file["hpcp"] = hpcp(played(work, tune))


def seconds_per_quarter(work: str, tune: Tune) -> float:
    """How slowly it is played: as such tunes mostly are, but for what is drawn of its work and of itself."""
    beats, unit = map(int, tune.metre.split("/"))
    short = np.median([end - begun for begun, end, _ in tune.notes]) < 0.4  # semiquavers
    tempo = {6: 165, 12: 165, 9: 165, 3: 130}.get(
        beats, 95 if short else 135 if (beats, unit) == (2, 4) else 180
    )
    return 60 / (tempo * np.exp(drawn(work).normal(0, 0.1) + drawn(work, tune.name).normal(0, 0.15)))


def drawn(*names: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32("/".join(names).encode()))


def played(work: str, tune: Tune) -> np.ndarray:
    """A tune as sound, (66 s at 44,100 Hz,) float32."""
    import mido

    chance, quarter = drawn(work, tune.name, "sound"), seconds_per_quarter(work, tune)
    length = tune.notes[-1][1] * quarter
    events = []
    for strophe in range(int(np.ceil(SECONDS / length))):
        for begun, end, pitch in tune.notes:
            late, loudness = strophe * length + chance.normal(0, 0.008), int(chance.integers(70, 110))
            if begun * quarter + late < SECONDS:
                events += [(max(0, begun * quarter + late), "note_on", pitch, loudness)]
                events += [(end * quarter + late - 0.01, "note_off", pitch, 0)]
    track = mido.MidiTrack([mido.Message("program_change", program=int(chance.choice(PROGRAMS)))])
    now = 0
    for second, kind, pitch, loudness in sorted(events):
        tick = round(second * 960)  # two quarters of 480 a second, as MIDI has it unless said
        track.append(mido.Message(kind, note=pitch, velocity=loudness, time=max(0, tick - now)))
        now = max(now, tick)
    with TemporaryDirectory() as folder:
        midi, sound = Path(folder, "tune.mid"), Path(folder, "tune.wav")
        mido.MidiFile(tracks=[track]).save(midi)
        program = ["fluidsynth", "-q", "-ni", "-g", "0.6", "-r", str(RATE), "-F", sound, SOUND_FONT, midi]
        subprocess.run(program, check=True, capture_output=True)
        with wave.open(str(sound)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    mono = samples.reshape(-1, 2).mean(axis=1)[: SECONDS * RATE] / 32_768
    noise = chance.normal(0, 10 ** chance.uniform(-4, -2.5), len(mono))
    return (mono + noise).astype(np.float32)


def hpcp(sound: np.ndarray) -> np.ndarray:
    """Harmonic pitch class profiles (frames, 12) float32 of sound, with acoss's parameters."""
    import essentia.standard as essentia

    limits = {"sampleRate": RATE, "maxFrequency": 3500}
    window, spectrum = essentia.Windowing(type="blackmanharris62"), essentia.Spectrum()
    peaks = essentia.SpectralPeaks(
        **limits, minFrequency=100, magnitudeThreshold=0, maxPeaks=100, orderBy="frequency"
    )
    whitening = essentia.SpectralWhitening(**limits)
    profile = essentia.HPCP(**limits, minFrequency=100, harmonics=8, size=12)
    found = []
    for frame in essentia.FrameGenerator(sound, frameSize=4096, hopSize=HOP):
        magnitudes = spectrum(window(frame))
        frequencies, heights = peaks(magnitudes)
        found.append(profile(frequencies, whitening(magnitudes, frequencies, heights)))
    return np.array(found, np.float32)


if __name__ == "__main__":
    main()
