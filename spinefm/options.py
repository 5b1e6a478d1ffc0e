"""What options may be."""


def check_shares(**options: float) -> None:
    """Make sure that options are shares, probabilities or overlaps.

    Raises:
        ValueError: If one is not 0..1.
    """
    for name, value in options.items():
        if not 0 <= value <= 1:
            raise ValueError(f"Expected `{name}` to be 0..1, but got {value}.")
