"""The demo corpus' musicians: they cover works in every way but note by note.

A cover changes key, tempo and its drift, form, chords, ornament, instruments, and now and then the mode. A
performance depends on (seed, work, performance) only.
"""

import random
from typing import NamedTuple

from coversim.demo.names import invent_artist
from coversim.demo.works import (
    BARS,
    SCALES,
    Chord,
    Note,
    Section,
    Work,
    melody_over,
    stock_chords,
    write_work,
)

SHORTEST, LONGEST = 60, 120  # of the sections of a performance, in seconds
TO_MINOR = {4: 3, 9: 8, 11: 10}
TO_MAJOR = {3: 4, 8: 9, 10: 11}


class Style(NamedTuple):
    """What a kind of band does to a song: levels relative to the chords', and chances per chord or note."""

    name: str
    melody: float
    bass: float
    drums: float
    noise: float
    sustain: float  # seconds for a note to fall to 1/e
    brightness: float  # of a partial relative to the one below it
    vibrato: float  # semitones
    reharmonise: float
    seventh: float
    ornament: float
    loose: float  # how far onsets and tempo stray


STYLES = (
    Style("", 2.0, 0.6, 0.35, 0.10, 1.2, 0.55, 0.15, 0.03, 0.05, 0.15, 0.3),
    Style("Live", 1.8, 0.6, 0.50, 0.20, 1.0, 0.60, 0.20, 0.04, 0.05, 0.25, 0.8),
    Style("Acoustic", 2.2, 0.3, 0.10, 0.06, 0.6, 0.50, 0.15, 0.05, 0.10, 0.20, 0.6),
    Style("Solo Piano", 2.2, 0.6, 0.02, 0.03, 0.8, 0.45, 0.00, 0.08, 0.15, 0.30, 1.0),
    Style("Bossa Nova", 1.8, 0.5, 0.25, 0.06, 0.5, 0.45, 0.15, 0.12, 0.40, 0.25, 0.5),
    Style("Jazz Trio", 1.8, 0.6, 0.35, 0.08, 0.6, 0.50, 0.10, 0.20, 0.40, 0.45, 1.0),
    Style("Punk", 1.2, 0.6, 0.80, 0.25, 1.5, 0.75, 0.10, 0.02, 0.00, 0.05, 0.3),
    Style("Synth-Pop", 1.8, 0.7, 0.50, 0.08, 2.0, 0.65, 0.05, 0.04, 0.10, 0.10, 0.0),
    Style("String Quartet", 2.0, 0.6, 0.00, 0.05, 4.0, 0.65, 0.35, 0.06, 0.10, 0.20, 0.7),
    Style("A Cappella", 2.2, 0.4, 0.00, 0.05, 3.0, 0.50, 0.30, 0.05, 0.10, 0.15, 0.5),
    Style("Brass Band", 2.4, 0.6, 0.40, 0.10, 2.0, 0.70, 0.15, 0.03, 0.05, 0.15, 0.4),
)


class Performance(NamedTuple):
    """What is played: notes in seconds, pitch in semitones above C."""

    work_title: str
    work_artist: str
    title: str
    artist: str
    year: int
    instrumental: bool
    style: Style
    melody: list[Note]
    chords: list[Note]
    bass: list[Note]
    beats: list[float]  # seconds


def reharmonised(rng: random.Random, chords: list[Chord], style: Style) -> list[Chord]:
    """The chords as this band plays them: relatives, tritone substitutes, suspensions, sevenths."""
    played = []
    for root, tones in chords:
        minor = tones[1] == 3
        if rng.random() < style.reharmonise:
            root, tones = rng.choice(
                (
                    ((root + 3) % 12, (0, 4, 7)) if minor else ((root + 9) % 12, (0, 3, 7)),
                    ((root + 8) % 12, (0, 4, 7)) if minor else ((root + 4) % 12, (0, 3, 7)),
                    ((root + 6) % 12, (0, 4, 7, 10)),
                    (root, (0, 5, 7)),
                )
            )
        if len(tones) == 3 and rng.random() < style.seventh:
            tones = (*tones, 11 if tones[1] == 4 and root in (0, 5) else 10)
        played.append(Chord(root, tones))
    return played


def ornamented(rng: random.Random, melody: list[Note], scale: tuple[int, ...], style: Style) -> list[Note]:
    """The tune as sung this time: notes left out, anticipated, delayed, and approached by a neighbour."""
    sung = []
    for note in melody:
        chance = rng.random()
        if chance < style.ornament / 4:
            continue
        onset, duration, pitch = note
        if rng.random() < style.ornament:
            shift = rng.choice((-0.5, 0.25, 0.5))
            onset, duration = max(onset + shift, 0), max(duration - shift, 0.25)
        if chance > 1 - style.ornament and duration >= 1:
            neighbours = [p for p in range(pitch - 2, pitch + 3) if p % 12 in scale and p != pitch]
            sung.append(Note(onset, duration / 4, rng.choice(neighbours or [pitch])))
            onset, duration = onset + duration / 4, duration * 3 / 4
        sung.append(Note(onset, duration, pitch))
    return sung


def in_other_mode(section: Section, changes: dict[int, int]) -> Section:
    """The section with each of its pitches that `changes` names, within the octave, moved."""

    def moved(pitch: int) -> int:
        return pitch - pitch % 12 + changes.get(pitch % 12, pitch % 12)

    chords = [
        Chord(moved(root), tuple(moved(root + tone) - moved(root) for tone in tones))
        for root, tones in section.chords
    ]
    return Section(chords, [note._replace(pitch=moved(note.pitch)) for note in section.melody])


def arranged_form(rng: random.Random, work: Work, tempo: float) -> str:
    """The order of sections in this performance, of a bearable length; s is a solo over the verse."""
    parts = list(work.form)
    if rng.random() < 0.35:
        del parts[rng.randrange(len(parts) - 1)]
    if rng.random() < 0.35:
        parts.insert(rng.randrange(2, len(parts)), "s")
    if rng.random() < 0.15:
        parts.insert(0, "c")
    section = BARS * work.metre * 60 / tempo  # seconds
    while len(parts) * section < SHORTEST:
        parts.append(rng.choice("vc"))
    return "".join(parts[: int(LONGEST / section)])


def arranged(rng: random.Random, work: Work, style: Style) -> Work:
    """The work as this band writes it down: its key, tempo, form and chords, perhaps its mode."""
    mode, sections = work.mode, work.sections
    if rng.random() < 0.06:
        mode = "minor" if mode == "major" else "major"
        changes = TO_MINOR if mode == "minor" else TO_MAJOR
        sections = {name: in_other_mode(section, changes) for name, section in sections.items()}
    tempo = work.tempo * 2 ** rng.gauss(0, 0.08)
    return work._replace(
        key=work.key if rng.random() < 0.35 else rng.randrange(12),
        tempo=tempo,
        mode=mode,
        sections={
            name: section._replace(chords=reharmonised(rng, section.chords, style))
            for name, section in sections.items()
        },
        form=arranged_form(rng, work, tempo),
    )


def introduction(rng: random.Random, work: Work) -> list[Chord]:
    """Chords before the first section: none, the verse's, the chorus' last, a vamp, or unrelated ones."""
    return rng.choice(
        (
            [],
            work.sections["v"].chords[:4],
            work.sections["c"].chords[-4:],
            [Chord(0, (0, 7))] * 4,
            stock_chords(rng, work.mode),
        )
    )


def played_through(rng: random.Random, work: Work, style: Style) -> tuple[list[Note], list[Chord]]:
    """The whole performance's melody, in beats, and its chords, one a bar, in the work's key."""
    scale = SCALES[work.mode]
    chords = transposed(introduction(rng, work), work.key)
    melody = []
    lift = rng.choice((1, 2)) if rng.random() < 0.12 else 0  # of the last section
    for place, name in enumerate(work.form):
        section = work.sections["v" if name == "s" else name]
        tonic = work.key + (lift if place == len(work.form) - 1 else 0)
        tune = section.melody
        if name == "s":
            tune = melody_over(rng, section.chords, scale, work.metre, 1.5)
        begin = len(chords) * work.metre
        melody += [
            Note(begin + onset, duration, tonic + pitch)
            for onset, duration, pitch in ornamented(rng, tune, scale, style)
        ]
        chords += transposed(section.chords, tonic)
    last = Chord(0, (0, 4 if work.mode == "major" else 3, 7))
    return melody, chords + transposed([last], tonic)


def transposed(chords: list[Chord], semitones: int) -> list[Chord]:
    return [Chord((root + semitones) % 12, tones) for root, tones in chords]


def accompaniment(rng: random.Random, chords: list[Chord], metre: int) -> tuple[list[Note], list[Note]]:
    """The chords, struck at a steady pace, and a bass that walks on their tones; in beats."""
    pace = rng.choice((0.5, 1, metre / 2, metre))  # beats from stroke to stroke
    struck, bass = [], []
    for number, (root, tones) in enumerate(chords):
        bar = number * metre
        for stroke in range(int(metre / pace)):
            struck += [Note(bar + stroke * pace, pace, root + tone) for tone in tones]
        walk = (0, rng.choice(tones), rng.choice(tones), 0)
        bass += [Note(bar + beat, 1, root + walk[beat]) for beat in range(metre)]
    return struck, bass


def beat_times(rng: random.Random, tempo: float, beats: int, loose: float) -> list[float]:
    """Seconds of each beat, and of the end: the tempo wanders about a trend."""
    trend = rng.gauss(0, 0.04 * loose)
    wander, time, times = 0.0, 0.0, []
    for beat in range(beats + 1):
        times.append(time)
        wander = 0.9 * wander + rng.gauss(0, 0.015 * loose)
        time += 60 / tempo * 2 ** (trend * (beat / beats - 0.5) + wander)
    return times


def in_seconds(notes: list[Note], times: list[float]) -> list[Note]:
    """The notes, given in beats, at the times of the beats; none lasts beyond the end."""

    def second(beat: float) -> float:
        whole = min(int(beat), len(times) - 2)
        return times[whole] + min(beat - whole, 1) * (times[whole + 1] - times[whole])

    return [Note(second(on), second(on + duration) - second(on), pitch) for on, duration, pitch in notes]


def perform(seed: int, work: str, performance: str) -> Performance:
    """One performance of a work, all of it decided by its names and the seed."""
    rng = random.Random(f"{seed}/{work}/{performance}")
    style = rng.choice(STYLES)
    written = arranged(rng, write_work(seed, work), style)
    melody, chords = played_through(rng, written, style)
    struck, bass = accompaniment(rng, chords, written.metre)
    times = beat_times(rng, written.tempo, len(chords) * written.metre, style.loose)
    return Performance(
        work_title=written.title,
        work_artist=written.artist,
        title=written.title + (f" ({style.name})" if style.name else ""),
        artist=invent_artist(rng),
        year=min(written.year + int(rng.expovariate(1 / 15)), 2018),
        instrumental=rng.random() < 0.15,
        style=style,
        melody=in_seconds(melody, times),
        chords=in_seconds(struck, times),
        bass=in_seconds(bass, times),
        beats=times,
    )
