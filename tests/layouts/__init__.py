"""Tiny data sets in the real on-disk layouts."""

from tests.layouts import aasce, buu_lspine, coco, csxa, labelme, nhanes2

WRITERS = {each.__name__.rpartition(".")[2]: each.write for each in (aasce, buu_lspine, coco, csxa, labelme, nhanes2)}
"""By name of the data set, what writes a tiny one into a folder: `write(root, num_films)`."""
