"""From attenuation to grey values: exposure, scatter, grid, quantum noise, blur and the film's characteristic curve."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.data.synthetic.rays import Field
from spinefm.data.synthetic.surroundings import cloud
from spinefm.structures import Pixels

# Steps of the characteristic curve: fine enough for 8 bits, small enough for the fastest cache.
_CURVE_STEPS = 4096
# Narrowest window, in attenuation: a thin film is not stretched until its noise fills the display.
_LEAST_RANGE = 0.9


@dataclass(frozen=True)
class Exposure:
    """How one film was taken and developed.

    Attributes:
        photons: Quanta per pixel in unattenuated beam, millions.
        scatter: Scattered over primary intensity behind the middle of the patient.
        spread: Standard deviation of the scatter's spread, share of the film's shorter side.
        grid_strength: Relative depth of the grid's lines.
        grid_period: Distance of the grid's lines, pixels.
        heel: Relative fall of the beam from one edge of the film to the other.
        blur: Standard deviation of focal spot and detector, pixels.
        equalised: Share of the large-scale brightness that the processor takes out.
        crispness: Strength of edge enhancement.
        low: Quantile of the tissue shown black.
        high: Quantile of the tissue shown white.
        gamma: Exponent of the display curve; above 1 darkens the middle.
        base: Grey of black, 0..1: the fog of the film.
        full: Grey of white, 0..1.
    """

    photons: float
    scatter: float
    spread: float
    grid_strength: float
    grid_period: float
    heel: float
    blur: float
    equalised: float
    crispness: float
    low: float
    high: float
    gamma: float
    base: float
    full: float


def sample_exposure(rng: np.random.Generator) -> Exposure:
    """Draw one film's technique."""
    return Exposure(
        photons=float(np.exp(rng.uniform(np.log(0.006), np.log(0.6)))),
        scatter=rng.uniform(0.1, 0.7),
        spread=rng.uniform(0.06, 0.16),
        grid_strength=rng.uniform(0.002, 0.02) if rng.random() < 0.3 else 0.0,
        grid_period=rng.uniform(2.2, 7.0),
        heel=rng.uniform(-0.25, 0.25),
        blur=rng.uniform(0.6, 1.8),
        equalised=rng.uniform(0.0, 0.55),
        crispness=rng.uniform(0.3, 1.5) if rng.random() < 0.4 else 0.0,
        low=rng.uniform(0.0, 0.08),
        high=rng.uniform(0.985, 1.0),
        gamma=float(np.exp(rng.normal(0.1, 0.22))),
        base=rng.uniform(0.0, 0.1) if rng.random() < 0.5 else 0.0,
        full=rng.uniform(0.72, 1.0),
    )


def expose(attenuation: Field, exposure: Exposure, rng: np.random.Generator) -> Pixels:
    """Take the film.

    Args:
        attenuation: (H, W) summed along the rays, 0 for free air.
        exposure: Technique.
        rng: For the quantum noise.

    Returns:
        (H, W), bone bright.
    """
    tissue = cv2.resize(attenuation, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA) > 0.5
    light = _scattered(attenuation, exposure)
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), exposure.blur), np.float32)
    _add_noise(light, exposure.photons * 1e6, rng)
    signal = -np.asarray(cv2.log(light), np.float32)
    return _developed(signal, tissue, exposure)


def _scattered(attenuation: Field, exposure: Exposure) -> Field:
    """Primary beam behind the patient, with beam profile and grid, plus the scatter that it makes."""
    primary: Field = np.asarray(cv2.exp(-attenuation), np.float32)
    height, width = primary.shape
    rows = np.linspace(1 - exposure.heel, 1 + exposure.heel, height, dtype=np.float32)[:, None]
    columns = np.ones((1, width), np.float32)
    if exposure.grid_strength:
        phase = np.arange(width, dtype=np.float32) * np.float32(2 * np.pi / exposure.grid_period)
        columns = 1 + np.float32(exposure.grid_strength) * np.sin(phase)[None]
    primary *= rows
    primary *= columns
    # Free air makes no scatter: cap what it would contribute.
    small = np.minimum(cv2.resize(primary, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA), np.float32(0.2))
    wide = cv2.GaussianBlur(small, (0, 0), max(1.0, exposure.spread * min(small.shape)))
    primary += np.float32(exposure.scatter) * cv2.resize(wide, (width, height), interpolation=cv2.INTER_LINEAR)
    return primary


def _add_noise(light: Field, photons: float, rng: np.random.Generator) -> None:
    """Quantum noise: the standard deviation is the square root of the count; in place."""
    bank = _noise_bank()
    start = int(rng.integers(0, len(bank)))
    noise = (
        np.take(bank, np.arange(start, start + light.size), mode="wrap")
        if light.size > len(bank) - start
        else bank[start : start + light.size]
    )
    light += cv2.multiply(noise.reshape(light.shape), cv2.sqrt(light), scale=1 / np.sqrt(photons))
    # A readout keeps some brightness below which nothing is told apart.
    np.maximum(light, np.float32(5e-4), out=light)


@lru_cache(maxsize=1)
def _noise_bank() -> Field:
    """Four million normal numbers, of which each film uses a run: drawing them afresh would take a fifth of a film's time."""
    return np.random.default_rng(0).standard_normal(1 << 22, dtype=np.float32)


def _developed(signal: Field, tissue: NDArray[np.bool_], exposure: Exposure) -> Pixels:
    """Equalise, sharpen, window by the quantiles of the tissue, and bend by the characteristic curve."""
    small = cv2.resize(signal, (tissue.shape[1], tissue.shape[0]), interpolation=cv2.INTER_AREA)
    if exposure.equalised:
        wide = cv2.GaussianBlur(small, (0, 0), 0.09 * max(small.shape))
        small = small - np.float32(exposure.equalised) * wide
        signal -= np.float32(exposure.equalised) * cv2.resize(wide, (signal.shape[1], signal.shape[0]), interpolation=cv2.INTER_LINEAR)
    if exposure.crispness:
        soft = cv2.GaussianBlur(signal, (0, 0), 3.0)
        signal = np.asarray(cv2.addWeighted(signal, 1 + exposure.crispness, soft, -exposure.crispness, 0.0), np.float32)
    seen = small[tissue] if tissue.any() else small.ravel()
    black, white = np.quantile(seen, [exposure.low, exposure.high])
    scale = (_CURVE_STEPS - 1) / max(float(white - black), _LEAST_RANGE)
    signal -= np.float32(black)
    signal *= np.float32(scale)
    np.clip(signal, 0, _CURVE_STEPS - 1, out=signal)
    return np.asarray(_curve(exposure)[signal.astype(np.uint16)])


def _curve(exposure: Exposure) -> Pixels:
    """Table of grey values: a power, then a slight S that flattens toe and shoulder as film does."""
    x = np.linspace(0, 1, _CURVE_STEPS, dtype=np.float32) ** np.float32(exposure.gamma)
    bent = 0.75 * x + 0.25 * x * x * (3 - 2 * x)
    return np.asarray(255 * (exposure.base + (exposure.full - exposure.base) * bent) + 0.5, dtype=np.uint8)


def bone_texture(shape: tuple[int, int], spacing_mm: float, rng: np.random.Generator) -> Field:
    """(H, W) about 1: the trabecular network, coarser the larger the film's pixels."""
    height, width = shape
    cells = max(2, round(min(shape) * spacing_mm / 1.6))
    texture = cloud((height, width), min(cells, min(shape) // 2), rng)
    texture *= np.float32(rng.uniform(0.02, 0.06))
    texture += cloud((height, width), max(2, cells // 6), rng) * np.float32(rng.uniform(0.05, 0.12))
    return texture + np.float32(1)
