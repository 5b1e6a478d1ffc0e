"""The point predictor's view: runs of centroids both ways along the spine."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest, t

from spinefm.data.views import TrailView
from spinefm.data.views.sampling import ItemKey
from spinefm.data.views.surroundings import BEYOND
from spinefm.data.views.trails import FARTHEST, astray, reframe
from spinefm.geometry.centroids import centroids_of
from spinefm.structures import Landmark


def whole(view, epoch=0):
    """All trails as (N, k + 1, 2)."""
    batch = view.__getitems__([ItemKey(epoch, index) for index in range(len(view))])
    return torch.cat([batch.centroids, batch.targets[:, None]], dim=1).numpy()


def runs_of(film, length):
    centroids = centroids_of(film.vertebrae)
    forwards = [centroids[start : start + length] for start in range(len(centroids) - length + 1)]
    return np.array(forwards + [run[::-1] for run in forwards])


def ordered(runs):
    """Runs as a sorted list, so that their order does not matter."""
    return sorted(np.round(run, 3).ravel().tolist() for run in runs)


@pytest.mark.parametrize(("context", "count"), [(2, 10), (3, 8), (6, 2)])
def test_every_run_forwards_and_backwards(make_film, context, count):
    film = make_film()
    view = TrailView([film], training=False, seed=0, context=context, jitter=0.1)
    assert len(view) == count == 2 * (7 - context)
    assert ordered(whole(view)) == ordered(runs_of(film, context + 1))


def test_no_run_goes_over_a_vertebra_that_is_left_out(make_film):
    whole_film = make_film(levels=("C2", "C3", "C4", "C5", "C6", "C7"))
    gap = replace(whole_film, vertebrae=(*whole_film.vertebrae[:2], *whole_film.vertebrae[3:]))
    view = TrailView([gap], training=False, seed=0, context=2, jitter=0.0)
    below = replace(whole_film, vertebrae=whole_film.vertebrae[3:])
    assert ordered(whole(view)) == ordered(runs_of(below, 3))


def test_films_with_too_few_vertebrae_are_passed_over(make_film):
    long, short = make_film("long", levels=("L1", "L2", "L3", "L4")), make_film("short", levels=("L1", "L2", "L3"))
    view = TrailView([short, long], training=False, seed=0, context=3, jitter=0.0)
    assert ordered(whole(view)) == ordered(runs_of(long, 4))
    with pytest.raises(ValueError, match="at least 4 vertebrae"):
        TrailView([short], training=False, seed=0, context=3, jitter=0.0)


def test_sizes_are_width_and_height_of_each_trails_film(make_film):
    films = [make_film("a", levels=("L1", "L2", "L3"), size=(160, 96)), make_film("b", levels=("L1", "L2", "L3"), size=(120, 110), left=60)]
    view = TrailView(films, training=False, seed=0, context=2, jitter=0.0)
    batch = view.__getitems__([ItemKey(0, index) for index in range(4)])
    assert batch.sizes.tolist() == [[96, 160]] * 2 + [[110, 120]] * 2
    assert batch.centroids[:, :, 0].min(1).values.tolist() == pytest.approx([40, 41, 60, 61], abs=1)
    assert {tensor.dtype for tensor in (batch.centroids, batch.sizes, batch.targets)} == {torch.float32}


def test_training_mirrors_half_of_the_trails(make_film):
    film = make_film(left=20)
    view = TrailView([film], training=True, seed=0, context=3, jitter=0.0)
    originals = runs_of(film, 4)
    mirrored = originals * (-1, 1) + (96, 0)
    counts = {"original": 0, "mirrored": 0}
    for epoch in range(40):
        for i, run in enumerate(whole(view, epoch)):
            kind = "original" if np.allclose(run, originals[i], atol=1e-3) else "mirrored"
            counts[kind] += 1
            assert kind == "original" or np.allclose(run, mirrored[i], atol=1e-3)
    assert 0.4 < counts["mirrored"] / sum(counts.values()) < 0.6


def test_jitter_moves_the_trail_by_shares_of_its_last_step_and_never_the_target(make_film):
    film = make_film(lean=0, left=48, spacing=18)
    view = TrailView([film], training=True, seed=0, context=3, jitter=0.1)
    truth = runs_of(film, 4)
    errors = np.concatenate([whole(view, epoch) - truth for epoch in range(40)])
    # The spine stands in the middle of the film, so that mirroring changes nothing.
    np.testing.assert_allclose(errors[:, -1], 0, atol=1e-3)
    assert np.median(np.abs(errors[:, :-1])) / 18 == pytest.approx(0.0816, rel=0.1)
    assert np.abs(np.median(errors[:, :-1])) < 0.1


def test_centroids_that_are_estimated_lie_astray_as_students_t_does():
    errors = astray((20000, 2), 0.04, np.random.default_rng(0))
    assert kstest(errors.ravel(), t(2, scale=0.04).cdf).statistic < 0.01
    assert np.abs(errors).max() == FARTHEST
    assert not astray((5,), 0.0, np.random.default_rng(0)).any()


def test_without_training_there_is_no_jitter(make_film):
    film = make_film()
    view = TrailView([film], training=False, seed=0, context=3, jitter=0.5)
    np.testing.assert_allclose(whole(view, epoch=2), runs_of(film, 4), atol=1e-3)


def test_without_augmentation_training_trails_are_those_of_the_films(make_film):
    film = make_film(left=20)
    view = TrailView([film], training=True, seed=0, context=3, jitter=0.0, augment=False)
    for epoch in range(3):
        np.testing.assert_allclose(whole(view, epoch), runs_of(film, 4), atol=1e-3)


def test_a_batch_of_one_is_an_item(make_film):
    view = TrailView([make_film()], training=True, seed=0, context=3, jitter=0.1)
    one, batch = view[ItemKey(2, 5)], view.__getitems__([ItemKey(2, 5)])
    assert torch.equal(one.centroids, batch.centroids) and torch.equal(one.targets, batch.targets)


@pytest.mark.parametrize("level", ["T11", "L1", "L5"])
def test_a_landmark_stands_at_its_place_from_head_to_foot(make_film, points_only, level):
    film = make_film()
    view = TrailView([points_only(film, level)], training=False, seed=0, context=3, jitter=0.0)
    assert ordered(whole(view)) == ordered(runs_of(film, 4))


def test_only_the_centroid_of_a_landmark_counts(make_film):
    film = make_film()
    marked = replace(film, landmarks=(Landmark("S1", "top left", (40.0, 140.0)), Landmark("C2", "bottom right", (60.0, 5.0))))
    view = TrailView([marked], training=False, seed=0, context=3, jitter=0.0)
    assert ordered(whole(view)) == ordered(runs_of(film, 4))


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_training_shows_as_many_trails_as_told_on_a_film_that_ends_elsewhere(make_film, share):
    film = make_film()
    view = TrailView([film], training=True, seed=0, context=3, jitter=0.0, reframed=share)
    batches = [view.__getitems__([ItemKey(epoch, index) for index in range(len(view))]) for epoch in range(60)]
    elsewhere = torch.cat([(batch.sizes != torch.tensor(film.size[::-1])).any(1) for batch in batches])
    assert elsewhere.float().mean() == pytest.approx(share, abs=0.1)


def test_another_frame_moves_and_cuts_but_neither_bends_nor_stretches(make_film):
    runs, sizes = np.tile(runs_of(make_film(), 4), (50, 1, 1)), np.tile([[96.0, 160.0]], (400, 1))
    moved, on = reframe(runs, sizes, np.random.default_rng(0))
    np.testing.assert_allclose(np.diff(moved, axis=1), np.diff(runs, axis=1))
    trails = moved[:, :-1]
    assert (trails >= 0).all() and (trails <= on[:, None]).all() and (on <= (1 + 2 * BEYOND) * sizes).all()
    smaller = (on < sizes).mean(0)
    assert (smaller > 0.4).all() and (smaller < 1).all()


def test_what_comes_next_may_lie_beyond_another_frame_as_where_a_walk_leaves_the_film(make_film):
    runs, sizes = np.tile(runs_of(make_film(), 4), (50, 1, 1)), np.tile([[96.0, 160.0]], (400, 1))
    moved, on = reframe(runs, sizes, np.random.default_rng(0))
    beyond = ((moved[:, -1] < 0) | (moved[:, -1] > on)).any(1)
    assert 0.05 < beyond.mean() < 0.5


def test_without_augmentation_films_end_where_they_do(make_film):
    film = make_film()
    view = TrailView([film], training=True, seed=0, context=3, jitter=0.0, augment=False, reframed=1.0)
    np.testing.assert_allclose(whole(view), runs_of(film, 4), atol=1e-3)
    assert (view[ItemKey(0, 0)].sizes == torch.tensor(film.size[::-1])).all()
