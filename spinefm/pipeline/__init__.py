"""The components composed: SpineFM's induction along the spine, and as its baselines the detector alone and a whole-film segmenter."""

from spinefm.pipeline.detector_only import DetectorOnlyPipeline
from spinefm.pipeline.either_polarity import EitherPolarity
from spinefm.pipeline.inductive import InductivePipeline
from spinefm.pipeline.oracle import OraclePipeline
from spinefm.pipeline.original import OriginalPipeline
from spinefm.pipeline.protocols import SpinePipeline, film_spines
from spinefm.pipeline.whole_film import WholeFilmPipeline
from spinefm.pipeline.without_borders import WithoutBorders

__all__ = [
    "DetectorOnlyPipeline",
    "EitherPolarity",
    "InductivePipeline",
    "OraclePipeline",
    "OriginalPipeline",
    "SpinePipeline",
    "WholeFilmPipeline",
    "WithoutBorders",
    "film_spines",
]
