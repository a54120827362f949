"""Labels of a pair of songs, as in Hadsell, Chopra & LeCun (2006)."""

COVER, NON_COVER = 0, 1
