"""Names under which an evaluation is logged."""

from spinefm.tracking.evaluations import TrackedEvaluation, logged_metrics

RESULTS = {
    "dice_all": {"value": 0.5, "ci95": [0.25, 0.75]},
    "hd95_mm": {"value": None, "ci95": None},
    "num_images": 3,
    "per_view": {"ap_spine": {"dice_all": {"value": 0.5, "ci95": None}, "num_images": 3}},
    "per_reader": {"anna": {"dice_all": {"value": 0.75, "ci95": None}}},
    "per_level": {"L1": {"num": 2, "dice_all": {"value": 0.125, "ci95": [0.0, 1.0]}}},
    "confusion": {"L1": {"L2": 4}},
    "calibration": {"expected_calibration_error": {"value": 0.375}, "bins": [{"low": 0.0, "num": 1}]},
}
NAMED = {
    "test/dice_all": 0.5,
    "test/dice_all_low": 0.25,
    "test/dice_all_high": 0.75,
    "test/num_images": 3,
    "test/per_view/ap_spine/dice_all": 0.5,
    "test/per_view/ap_spine/num_images": 3,
    "test/per_reader/anna/dice_all": 0.75,
    "test/per_level/L1/num": 2,
    "test/per_level/L1/dice_all": 0.125,
    "test/per_level/L1/dice_all_low": 0.0,
    "test/per_level/L1/dice_all_high": 1.0,
    "test/calibration/expected_calibration_error": 0.375,
}


def test_every_number_that_was_measured_has_a_name():
    assert logged_metrics(RESULTS) == NAMED


class Logger:
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def log_metrics(self, metrics, step):
        self.told.append((metrics, step))

    def finalize(self, status):
        self.told.append(status)


def test_every_logger_is_told_and_closed(tmp_path):
    loggers = [Logger(), Logger()]
    TrackedEvaluation({}, {}, "synthetic", loggers, None).tell_films(tmp_path, RESULTS, [])
    assert [logger.told for logger in loggers] == [[(NAMED, 0), "success"]] * 2
