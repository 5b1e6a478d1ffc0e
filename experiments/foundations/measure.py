"""How fast and how large the foundations are: `python measure.py [device=cpu] [<foundation>@<input size> ...]`."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from segment_anything import sam_model_registry

from spinefm.conf import CONF
from spinefm.models.sam import Sam, SamSize

ROWS = [
    *(f"{name}@{size}" for name in ("sam_vit_b", "sam_vit_l", "sam_vit_h") for size in (256, 512, 1024)),
    "lite_medsam@128", "lite_medsam@256", "sam_vit_tiny@96", "segment_anything@1024",
]  # fmt: skip
"""The last is ViT-B as segment_anything runs it, for comparison."""
MIN_SECONDS = 2.0


def encoder(foundation: str, image_size: int, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """An image encoder with random weights: speed and memory do not depend on them."""
    if foundation == "segment_anything":
        original = sam_model_registry["vit_b"]().image_encoder.eval().to(device)
        return lambda images: original(images.expand(-1, 3, -1, -1))
    with initialize_config_dir(CONF, version_base=None):
        config = compose("train", ["component=sam_adapter", f"foundation={foundation}", f"foundation.sam.image_size={image_size}"])
    return Sam(SamSize(**OmegaConf.to_container(config.foundation.sam))).eval().to(device).encode


def measure(row: str, device: str) -> dict[str, float]:
    """Seconds per encode of one image and peak memory in GB; in a process of its own, for the peak of a process only grows."""
    foundation, size = row.split("@")
    encode, image = encoder(foundation, int(size), device), torch.rand(1, 1, int(size), int(size), device=device)
    clock = time.process_time if device == "cpu" else time.perf_counter
    with torch.inference_mode():
        encode(image)
        start, times = clock(), 0
        while clock() - start < MIN_SECONDS:
            encode(image).sum().item()
            times += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2 if device == "cpu" else torch.cuda.max_memory_allocated() / 1024**3
    return {"seconds": (clock() - start) / times, "peak_gb": peak}


def main() -> None:
    """Measure every row in a process of its own."""
    device = next((argument.removeprefix("device=") for argument in sys.argv[1:] if argument.startswith("device=")), "cpu")
    rows = [argument for argument in sys.argv[1:] if "@" in argument] or ROWS
    if "--child" in sys.argv:
        torch.set_num_threads(1)
        sys.stdout.write(json.dumps(measure(rows[0], device)))
        return
    table = Table("foundation", "input, px", "encodes/s", "seconds per encode", "peak memory, GB", title=f"{device}, fp32, batch of 1")
    for row in rows:
        done = subprocess.run([sys.executable, __file__, "--child", f"device={device}", row], capture_output=True, text=True, check=True)
        result = json.loads(done.stdout.splitlines()[-1])
        table.add_row(*row.split("@"), f"{1 / result['seconds']:.3g}", f"{result['seconds']:.3g}", f"{result['peak_gb']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
