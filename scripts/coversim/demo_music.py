"""The demo corpus' musicians: they write works, and cover one another's in every way but note by note.

Works draw on the same stock of chord progressions, as popular songs do, so that harmony alone names no
work; the melody is its own. A cover changes key, tempo and its drift, form, chords, ornament, instruments,
and now and then the mode. All is drawn from the standard library's generator, seeded by names: a work
depends on (seed, work) only, a performance on (seed, work, performance) only.
"""

import random
from typing import NamedTuple

BARS = 8  # of a section
SHORTEST, LONGEST = 60, 120  # of the sections of a performance, in seconds

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
TO_MINOR = {4: 3, 9: 8, 11: 10}
TO_MAJOR = {3: 4, 8: 9, 10: 11}
ROOTS = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
FORMS = ("vvcvcbc", "vcvcbcc", "vcvcvc", "vvbvcc", "cvcvbc", "vvbvvb", "vcbvcc")
PHRASES = ("ABAC", "AABA", "ABAB", "AABC", "ABCB")  # two bars each

TITLES = (
    "{quality} {thing}",
    "{thing} over {place}",
    "My {thing} Is Your {other}",
    "Don't Call Me {quality}",
    "One {thing}, One {other}",
    "Back to {place}",
    "No {thing} in {place}",
    "The {thing} and the {other}",
    "{quality} in {place}",
    "Waltz of the {quality} {thing}",
)
ARTISTS = (
    "The {quality} {thing}s",
    "{first} {last}",
    "{first} {last} & the {thing}s",
    "{place} {thing} Orchestra",
    "{quality} {last}",
    "{first} and the {quality} Ones",
)
QUALITIES = (
    *(
        "Paper",
        "Lonesome",
        "Electric",
        "Velvet",
        "Second-Hand",
        "Midnight",
        "Reluctant",
        "Golden",
        "Barefoot",
    ),
    *("Crooked", "Silent", "Blue", "Borrowed", "Sleepless", "Wild", "Tender", "Rusty", "Weightless"),
)
THINGS = (
    *(
        "Moon",
        "River",
        "Heart",
        "Telephone",
        "Train",
        "Umbrella",
        "Sparrow",
        "Kettle",
        "Harbour",
        "Lighthouse",
    ),
    *("Sunday", "Bicycle", "Shadow", "Postcard", "Theremin", "Highway", "Lantern", "Piano", "Rain", "Teapot"),
)
PLACES = (
    *("Lisbon", "Kraków", "Tucson", "Galway", "Montréal", "Osaka", "Malmö", "Memphis", "Trieste", "Aberdeen"),
    *("São Paulo", "Leeds", "Tbilisi", "Bergen", "Havana", "Utrecht"),
)
FIRST_NAMES = (
    *(
        "Ada",
        "Otis",
        "Mireille",
        "Joaquín",
        "Nell",
        "Casimir",
        "Bessie",
        "Anouk",
        "Hugo",
        "Zora",
        "Lars",
        "Imani",
    ),
)
LAST_NAMES = (
    *(
        "Quill",
        "Okafor",
        "Lindqvist",
        "Marlowe",
        "Fontaine",
        "Pereira",
        "O'Dowd",
        "Nakamura",
        "Thistle",
        "Weiss",
    ),
)


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


def invent_title(rng: random.Random) -> str:
    thing, other = rng.sample(THINGS, 2)
    return rng.choice(TITLES).format(
        quality=rng.choice(QUALITIES), thing=thing, other=other, place=rng.choice(PLACES)
    )


def invent_artist(rng: random.Random) -> str:
    return rng.choice(ARTISTS).format(
        quality=rng.choice(QUALITIES),
        thing=rng.choice(THINGS),
        place=rng.choice(PLACES),
        first=rng.choice(FIRST_NAMES),
        last=rng.choice(LAST_NAMES),
    )
