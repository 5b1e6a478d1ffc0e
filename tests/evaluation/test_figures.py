"""Figures of the report: what is drawn, and where."""

import numpy as np
import pytest

from spinefm.evaluation.angles import AngleRecord
from spinefm.evaluation.figures import angle_plot, dice_histogram, embed_figure, level_plot, reliability_plot


def dots(axes):
    """The points of each scatter plot on axes."""
    return [collection.get_offsets().tolist() for collection in axes.collections]


def lines(axes):
    """(xs, ys) of each line on axes."""
    return [tuple(map(list, line.get_data())) for line in axes.lines]


def angles(true, found, left_out=None):
    return AngleRecord((true, 0.0, 0.0), (found, 0.0, 0.0), left_out, ())


def test_vertebrae_are_counted_by_their_dice_and_a_line_stands_where_they_begin_to_count():
    (axes,) = dice_histogram([0.0, 0.91, 0.915], 0.4).axes
    heights = {round(bar.get_x(), 2): bar.get_height() for bar in axes.patches if bar.get_height()}
    assert heights == {0.0: 1, 0.9: 2}
    assert lines(axes) == [([0.4, 0.4], [0, 1])]


def test_levels_have_values_and_intervals_and_what_is_unknown_is_left_out():
    known, unknown, alone = ({"value": 0.8, "ci95": [0.7, 0.9]}, {"value": None, "ci95": None}, {"value": 0.5, "ci95": None})
    per_level = {
        "C3": {"dice_all": known, "labelled_identification_rate": alone},
        "C4": {"dice_all": alone, "labelled_identification_rate": unknown},
    }
    (axes,) = level_plot(per_level).axes
    assert lines(axes) == [([-0.15, 0.85], [0.8, 0.5]), ([0.15], [0.5])]
    ends = [[segment[:, 1].tolist() for segment in intervals.get_segments()] for intervals in axes.collections]
    assert ends == [[[0.7, 0.9], [0.5, 0.5]], [[0.5, 0.5]]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["C3", "C4"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["Dice (missed = 0)", "right level"]


def test_confidence_lies_across_and_how_often_it_is_right_upwards():
    bins = [{"num": 2, "confidence": 0.6, "right": 0.5}, {"num": 8, "confidence": 0.9, "right": 0.75}]
    (axes,) = reliability_plot(bins).axes
    assert dots(axes) == [[[0.6, 0.5], [0.9, 0.75]]]
    assert axes.collections[0].get_sizes().tolist() == [12 + 60 / 4, 12 + 60]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("confidence", "share that is right")


def test_angles_that_are_not_measured_are_hollow_and_count_in_no_limit():
    records = [angles(20, 23), angles(40, 39), angles(30, 34), angles(50, 10, "too few")]
    agreement, differences = angle_plot(records).axes
    assert dots(agreement) == [[[20, 23], [40, 39], [30, 34]], [[50, 10]]]
    assert dots(differences) == [[[21.5, 3], [39.5, -1], [32, 4]], [[30, -40]]]
    for axes in (agreement, differences):
        measured, not_measured = axes.collections
        assert len(measured.get_facecolor()) == 1 and len(not_measured.get_facecolor()) == 0
    mean, spread = 2, 1.96 * np.sqrt((1 + 9 + 4) / 2)
    assert [ys[0] for _, ys in lines(differences)] == pytest.approx([mean, mean - spread, mean + spread])
    assert [text.get_text() for text in differences.texts] == ["+2.0", "-3.2", "+7.2"]


def test_one_measured_film_has_no_limits_of_agreement():
    _, differences = angle_plot([angles(20, 23), angles(50, 10, "too few")]).axes
    assert differences.lines[:] == []


def test_the_same_figure_is_the_same_file():
    one, same, other = (embed_figure(dice_histogram([0.5, 0.9], line)) for line in (0.4, 0.4, 0.8))
    assert one == same != other and one.startswith("data:image/svg+xml;base64,")
