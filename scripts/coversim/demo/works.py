"""The demo corpus' works: tunes over chords, in keys, modes and forms.

Works draw on the same stock of chord progressions, as popular songs do, so that harmony alone names no
work; the melody is its own. All is drawn from the standard library's generator, seeded by names: a work
depends on (seed, work) only.
"""

import random
from typing import NamedTuple

from coversim.demo.names import invent_artist, invent_title

BARS = 8  # of a section

# Roman numerals, the commonest first: the n-th is drawn in proportion to 1 / (n + 2).
PROGRESSIONS = {
    "major": (
        "I V vi IV",
        "I vi IV V",
        "vi IV I V",
        "I IV V IV",
        "I IV I V",
        "I V IV V",
        "ii V I vi",
        "I iii IV V",
        "IV I V vi",
        "I bVII IV I",
        "I ii IV V",
        "I V ii IV",
        "I I7 IV iv",
        "vi ii V I",
        "I III vi IV",
        "IV V iii vi",
    ),
    "minor": (
        "i bVI bIII bVII",
        "i bVII bVI V",
        "i iv i V",
        "i bVII bVI bVII",
        "i iv bVII bIII",
        "i bVI iv V",
        "i v bVI bVII",
        "i i iv V",
        "i bIII bVII IV",
        "bVI bVII i i",
        "i IV i bVII",
        "i V bVI bIII",
        "iv i V i",
        "i bII V i",
    ),
}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
ROOTS = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
FORMS = ("vvcvcbc", "vcvcbcc", "vcvcvc", "vvbvcc", "cvcvbc", "vvbvvb", "vcbvcc")
PHRASES = ("ABAC", "AABA", "ABAB", "AABC", "ABCB")  # two bars each


class Chord(NamedTuple):
    root: int  # semitones above the tonic
    tones: tuple[int, ...]  # semitones above the root


class Note(NamedTuple):
    onset: float  # beats
    duration: float  # beats
    pitch: int  # semitones above the tonic


class Section(NamedTuple):
    chords: list[Chord]  # one a bar
    melody: list[Note]


class Work(NamedTuple):
    title: str
    artist: str
    year: int
    key: int  # semitones above C
    tempo: float  # beats per minute
    metre: int  # beats per bar
    mode: str
    sections: dict[str, Section]  # v(erse), c(horus), b(ridge)
    form: str


def chord(numeral: str) -> Chord:
    """The chord of a Roman numeral: lower case is minor, b lowers the root, 7 adds the minor seventh."""
    name = numeral.lstrip("b").rstrip("7")
    third = 4 if name.isupper() else 3
    root = ROOTS[name.upper()] - numeral.startswith("b")
    return Chord(root % 12, (0, third, 7, 10) if numeral.endswith("7") else (0, third, 7))


def stock_chords(rng: random.Random, mode: str) -> list[Chord]:
    progressions = PROGRESSIONS[mode]
    (drawn,) = rng.choices(progressions, weights=[1 / (n + 2) for n in range(len(progressions))])
    return [chord(numeral) for numeral in drawn.split()]


def melody_over(
    rng: random.Random, chords: list[Chord], scale: tuple[int, ...], metre: int, busy: float
) -> list[Note]:
    """A tune over the chords, one a bar: steps more than leaps, tones of the chord on the first beat."""
    notes, onset, degree = [], 0.0, rng.randrange(7)
    end = len(chords) * metre
    while onset < end:
        (duration,) = rng.choices((0.5, 1, 1.5, 2, 3), weights=(busy, 1, 0.4, 0.8 - busy / 2, 0.2))
        duration = min(duration, end - onset)
        degree += rng.choices((-4, -2, -1, 0, 1, 2, 4), weights=(1, 3, 6, 3, 6, 3, 1))[0]
        degree = min(max(degree, -4), 10)
        here = chords[int(onset // metre)]
        if onset % metre == 0 and rng.random() < 0.6:
            tones = {(here.root + tone) % 12 for tone in here.tones}
            degree = min(range(-4, 11), key=lambda d: (scale[d % 7] not in tones, abs(d - degree)))
        if rng.random() > 0.12:  # else a rest
            notes.append(Note(onset, duration, scale[degree % 7] + 12 * (degree // 7)))
        onset += duration
    return notes


def write_section(rng: random.Random, mode: str, metre: int, busy: float) -> Section:
    first = stock_chords(rng, mode)
    second = stock_chords(rng, mode) if rng.random() < 0.4 else first
    chords = first + second if rng.random() < 0.7 else [c for c in first for _ in range(2)]
    phrases = rng.choice(PHRASES)
    span = BARS // len(phrases)
    tunes = {}
    melody = []
    for number, phrase in enumerate(phrases):
        under = chords[number * span : (number + 1) * span]
        if phrase not in tunes:
            tunes[phrase] = melody_over(rng, under, SCALES[mode], metre, busy)
        melody += [note._replace(onset=note.onset + number * span * metre) for note in tunes[phrase]]
    return Section(chords, melody)


def write_work(seed: int, work: str) -> Work:
    rng = random.Random(f"{seed}/{work}")
    mode = "major" if rng.random() < 0.6 else "minor"
    metre = 4 if rng.random() < 0.85 else 3
    busy = rng.uniform(0.3, 1.3)
    return Work(
        title=invent_title(rng),
        artist=invent_artist(rng),
        year=rng.randint(1938, 2012),
        key=rng.randrange(12),
        tempo=rng.uniform(84, 138),
        metre=metre,
        mode=mode,
        sections={name: write_section(rng, mode, metre, busy) for name in "vcb"},
        form=rng.choice(FORMS),
    )
