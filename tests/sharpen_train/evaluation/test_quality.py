import json

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.evaluation import quality
from sharpen_train.evaluation.conditions import CONDITIONS, IDENTITY, LEVEL_CONDITIONS, soften
from sharpen_train.evaluation.quality import Row, Scores
from sharpen_train.evaluation.subjects import find_subjects
from sharpen_train.evaluation.unsharp import best_setting, unsharp

# What the first version of this evaluation said of the two pictures below and an unsharp mask of 1.1 px and 0.7: scores of models
# that are years apart must be comparable. In order: input, tuned unsharp mask, result, each as PSNR in dB and SSIM.
RECORDED = {
    "heavy": (21.4923, 0.8139, 23.0086, 0.87, 22.0992, 0.8385),
    "heavy+jpeg": (20.7619, 0.8215, 21.4622, 0.8551, 21.1139, 0.841),
    "medium": (24.0585, 0.904, 25.3725, 0.9317, 25.0351, 0.9255),
    "medium+jpeg": (22.5426, 0.8996, 23.3508, 0.9112, 23.1821, 0.9159),
    "low": (28.1836, 0.965, 28.7297, 0.9683, 27.4484, 0.9573),
    "low+jpeg": (22.8928, 0.9329, 22.9083, 0.928, 22.5421, 0.9044),
}
RECORDED_MASKS = {
    "heavy": (0.8, 4.0),
    "heavy+jpeg": (1.5, 1.3),
    "medium": (0.6, 3.0),
    "medium+jpeg": (1.2, 1.3),
    "low": (0.6, 0.6),
    "low+jpeg": (1.5, 0.2),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    for number, size in enumerate((Size(96, 120), Size(110, 90))):
        cv2.imwrite(str(folder / f"{number}.png"), sharp_picture(size, number))
    return folder


@pytest.fixture(scope="module")
def masks(folder):
    tables = [quality.tune(subject.load()) for subject in find_subjects(folder)]
    return {condition: best_setting(table[condition] for table in tables) for condition in LEVEL_CONDITIONS}


@pytest.fixture(scope="module")
def scores(folder, masks):
    candidates = {"mask": lambda picture: unsharp(picture, 1.1, 0.7), "nothing": lambda picture: picture}
    return Scores(row for subject in find_subjects(folder) for row in quality.score(subject.load(), masks, candidates))


def test_scores_are_those_that_were_recorded(scores, masks):
    assert masks == RECORDED_MASKS
    measured = scores.for_manifest("mask")
    assert list(measured) == list(RECORDED)
    for condition, score in measured.items():
        assert tuple(score.model_dump().values()) == pytest.approx(RECORDED[condition], abs=2e-4)
    row, gain = scores.worst_gain("mask")
    assert (row.picture, row.condition, round(gain, 4)) == ("1.png", "low", -0.8964)


def test_doing_nothing_gains_nothing_and_harms_nothing(scores):
    for condition in scores.conditions:
        summary = scores.summary("nothing", condition)
        assert summary.gain_db == summary.ssim_gain == summary.worst_gain_db == summary.shift == 0
    assert scores.harmed("nothing") == []
    assert scores.summary("nothing", IDENTITY).psnr_db == 99


def test_a_sharp_picture_is_scored_against_itself(scores):
    summary = scores.summary("mask", IDENTITY)
    assert summary.worst.psnr_db == min(row.psnr_db for row in scores.of("mask", IDENTITY)) < 40
    assert summary.over_unsharp_db is None
    assert scores.summary("unsharp", IDENTITY) is None
    assert IDENTITY not in scores.for_manifest("mask")


def test_harm_is_listed_worst_first(scores):
    harmed = scores.harmed("mask")
    gains = [gain for _, gain in harmed]
    assert gains == sorted(gains)
    assert max(gains) < -0.1
    assert {row.condition for row, _ in harmed} == {"low", "low+jpeg"}


def test_a_shift_of_colour_is_measured_by_channel(folder):
    def warmer(picture):
        return np.clip(picture + np.array([3, 0, -2]), 0, 255).astype(np.uint8)

    loaded = find_subjects(folder)[0].load()
    rows = [row for row in quality.score(loaded, {}, {"warmer": warmer}) if row.candidate == "warmer"]
    for row in rows:
        assert (row.red, row.green, row.blue) == pytest.approx((3, 0, -2), abs=0.3)
        assert row.shift == max(abs(row.red), abs(row.blue))


def test_means_and_worst_by_hand():
    def row(candidate, picture, psnr_db):
        return Row(picture, "low", candidate, psnr_db, 0.9, 0, 0, 0)

    table = {"input": (30, 40), "unsharp": (31, 40), "m": (33, 39)}
    scores = Scores(row(name, picture, value) for name, values in table.items() for picture, value in zip("ab", values, strict=True))
    summary = scores.summary("m", "low")
    assert (summary.psnr_db, summary.gain_db, summary.over_unsharp_db) == (36, 1, 0.5)
    assert (summary.worst.picture, summary.worst_gain_db) == ("b", -1)
    assert [(r.picture, gain) for r, gain in scores.harmed("m")] == [("b", -1)]
    assert scores.conditions == ["low"]
    assert scores.summary("m", "heavy") is None
    json.dumps({name: score.model_dump() for name, score in scores.for_manifest("m").items()})


def test_conditions_are_drawn_the_same_each_time():
    truth = sharp_picture(Size(40, 50), 1)
    for condition in LEVEL_CONDITIONS:
        assert np.array_equal(soften(truth, condition, 3), soften(truth, condition, 3))
    assert not np.array_equal(soften(truth, "heavy", 3), soften(truth, "heavy", 4))
    assert soften(truth, IDENTITY, 3) is truth
    assert list(CONDITIONS)[:6] == list(RECORDED)
