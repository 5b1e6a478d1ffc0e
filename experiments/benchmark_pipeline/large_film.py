"""Memory that one large film takes beyond the networks: `python large_film.py [checkpoints=<folder>] [side=4096]`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.console import Console
from ways import Engine, chosen, load, peak_memory, reset_peak_memory, save_films, simulated

DEFAULTS = {"checkpoints": "checkpoints/synthetic", "device": "cpu", "precision": "fp32", "side": "4096"}


def main() -> None:
    """Print process memory with the networks loaded, and at its peak while a film is read, segmented and written."""
    options = chosen(DEFAULTS)
    side = int(options["side"])
    with TemporaryDirectory() as folder:
        paths = save_films(list(simulated(1, [side, side])), Path(folder))
        small = save_films(list(simulated(1, [256, 256])), Path(folder, "small"))
        components = load(options)
        weights = sum(p.nbytes for component in components.values() for p in component.parameters()) / 1e9
        engine = Engine(components, options["device"])
        engine(small, Path(folder, "out"))  # libraries that are loaded at first use
        reset_peak_memory(options["device"])
        before, start = peak_memory(options["device"]), perf_counter()
        (spine,) = engine(paths, Path(folder, "out"))
        seconds, peak = perf_counter() - start, peak_memory(options["device"])
    Console(width=140).print(
        f"{side} x {side} px, {len(spine.vertebrae)} vertebrae, {seconds:.1f} s: {peak:.2f} GB at the peak, "
        f"of which {weights:.2f} GB are weights; "
        f"{before:.2f} GB before the film."
    )


if __name__ == "__main__":
    main()
