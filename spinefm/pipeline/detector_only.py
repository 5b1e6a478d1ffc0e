"""The baseline: what the detector finds, in order along the spine, with levels from the same labelling."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

from spinefm.geometry.centroids import centroids_of, principal_axis_order
from spinefm.options import check_shares
from spinefm.pipeline.base_case import without_duplicates
from spinefm.pipeline.cropping import on_whole
from spinefm.pipeline.examination import classify_places, places_along
from spinefm.pipeline.first_look import FirstLook, first_look
from spinefm.pipeline.labelling import LevelRules, assign_levels
from spinefm.pipeline.protocols import Classifier, Detector, SpinePipeline
from spinefm.structures import Failure, Radiograph, Spine


class DetectorOnlyPipeline(SpinePipeline):
    """Detect and name, without induction.

    Attributes:
        components: Names of the components it is made of, as its constructor calls them.
        any_film: Whether films may have empty borders, or bone that is dark; see `WithoutBorders` and `EitherPolarity`.
    """

    components: ClassVar[tuple[str, ...]] = ("mask_rcnn", "resnet")
    any_film: ClassVar[bool] = True

    def __init__(
        self,
        mask_rcnn: Detector,
        resnet: Classifier,
        crop: bool = True,
        score_threshold: float = 0.6,
        max_overlap: float = 0.3,
        anomaly_rate: float = 0.02,
        unknown_below: float = 0.5,
    ) -> None:
        """Put the pipeline together.

        Args:
            mask_rcnn: Finds the vertebrae.
            resnet: Sees landmarks in them.
            crop: Whether a film that shows much else than the spine is cropped to it; see `first_look`.
            score_threshold: Detections below it are dropped; the detector has dropped those below its own before.
            max_overlap: Of two masks with a larger IoU the less confident is dropped.
            anomaly_rate: See `LevelRules`.
            unknown_below: See `LevelRules`.

        Raises:
            ValueError: If an option is out of its range.
        """
        self.detector, self.classifier, self.crop = mask_rcnn, resnet, crop
        check_shares(score_threshold=score_threshold, max_overlap=max_overlap)
        self.score_threshold, self.max_overlap = score_threshold, max_overlap
        self.level_rules = LevelRules(anomaly_rate, unknown_below)

    def stream(self, films: Iterable[Radiograph]) -> Iterator[Spine]:
        """See `SpinePipeline`."""
        return (self._spine(film, first_look(film, self.detector, self.crop)) for film in films)

    def _spine(self, film: Radiograph, look: FirstLook) -> Spine:
        confident = [vertebra for vertebra in look.detections.vertebrae if vertebra.confidence >= self.score_threshold]
        kept = without_duplicates(confident, self.max_overlap)
        # A single vertebra has no spacing, and without one no patch can be cut to look at it.
        if len(kept) < 2:
            return Spine(film.film_id, film.size, failure=Failure.TOO_FEW_DETECTIONS)
        ordered = [kept[i] for i in principal_axis_order(centroids_of(kept))]
        probabilities = classify_places(self.classifier, places_along(look.film, ordered))
        classes, terminals = self.classifier.classes, self.classifier.terminals
        # That patches overlap does not count here: where vertebrae were missed, too many would be left without a level.
        labelling = assign_levels(probabilities, classes, terminals, slice(None), self.level_rules)
        vertebrae = tuple(
            replace(vertebra, level=level, confidence=vertebra.confidence * trust)
            for vertebra, level, trust in zip(ordered, labelling.levels, labelling.trust, strict=True)
        )
        return on_whole(film, Spine(film.film_id, film.size, vertebrae), look.part)
