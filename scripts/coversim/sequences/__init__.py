"""Songs as sequences of small vectors that keep pitch, matched in order."""
