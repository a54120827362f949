"""What the demo corpus' works and musicians are called."""

import random

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
