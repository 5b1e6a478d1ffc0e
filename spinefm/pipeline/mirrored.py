"""Networks that look at every patch twice, once in the mirror, so that what errs to one side errs to neither.

They have to have learnt from mirror images, as `augment` shows them. Each look is a call of its own, so that no batch is larger than its
caller thinks.
"""

from dataclasses import replace

from torch import Tensor

from spinefm.pipeline.protocols import Classifier, Segmenter
from spinefm.structures import Patches


class MirroredSegmenter:
    """Takes the mean of both logits.

    Attributes:
        segmenter: Draws the masks.
        input_size: See `PatchNetwork`.
        patch_rule: Likewise.
        device: Likewise.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        """Wrap a segmenter whose prompt is symmetric, as a centre's is."""
        self.segmenter, self.device = segmenter, segmenter.device
        self.input_size, self.patch_rule = segmenter.input_size, segmenter.patch_rule

    def segment(self, patches: Patches) -> Tensor:
        """(N, L, L) logits; see `Segmenter`."""
        return (self.segmenter.segment(patches) + self.segmenter.segment(_in_the_mirror(patches)).flip(-1)) / 2


class MirroredClassifier:
    """Takes the mean of both probabilities.

    Attributes:
        classifier: Names what is there.
        classes: See `Classifier`.
        terminals: Likewise.
        input_size: See `PatchNetwork`.
        patch_rule: Likewise.
        device: Likewise.
    """

    def __init__(self, classifier: Classifier) -> None:
        self.classifier, self.classes, self.terminals = classifier, classifier.classes, classifier.terminals
        self.input_size, self.patch_rule, self.device = classifier.input_size, classifier.patch_rule, classifier.device

    def classify(self, patches: Patches) -> Tensor:
        """(N, K) probabilities; see `Classifier`."""
        return (self.classifier.classify(patches) + self.classifier.classify(_in_the_mirror(patches))) / 2


def _in_the_mirror(patches: Patches) -> Patches:
    """The same with left and right exchanged, at the places where they were cut."""
    return replace(patches, pixels=patches.pixels.flip(-1), leans=tuple(-lean for lean in patches.leans))
