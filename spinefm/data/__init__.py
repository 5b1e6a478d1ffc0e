"""Films: where they come from, how they are split, and what each component sees of them."""
