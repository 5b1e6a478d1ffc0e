"""Films with what was found on them, as pictures to look at."""
