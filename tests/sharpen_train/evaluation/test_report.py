import re

import cv2
import numpy as np
import pytest
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.errors import ConfigError
from sharpen_train.evaluation import crops, goals, report
from sharpen_train.evaluation.conditions import CONDITIONS
from sharpen_train.evaluation.cost import Cost, Timing
from sharpen_train.evaluation.crops import Strip, Wish
from sharpen_train.evaluation.flicker import FlickerScore
from sharpen_train.evaluation.quality import Row, Scores
from sharpen_train.evaluation.session import Entrant, Evaluation
from sharpen_train.evaluation.slanted_edge import EdgeScore, LevelEdge
from sharpen_train.evaluation.subjects import find_subjects

HOSTILE = '<script>alert("1")</script>.png'


def edge(gain):
    level = LevelEdge(0.1, 0.1 * gain, 2.0, 6.0, 9.0, (0.0, 0.25, 0.5), (1.0, 0.4, 0.0), (1.0, 0.9, 0.2))
    return EdgeScore({"heavy": level, "medium": level, "low": level}, 1.2, 1.25, {128: 1.2})


def row(picture, condition, candidate, psnr_db):
    return Row(picture, condition, candidate, psnr_db, 0.9, 0.1, 0.0, -0.2)


@pytest.fixture
def evaluation():
    """Two models, one good and one harmful, and a teacher."""
    gains = {"input": 0.0, "unsharp": 1.0, "good": 5.0, "harmful": -1.0, "master": 6.0}
    rows = [
        row(picture, condition, name, (60 if condition == "identity" else 30) + gain)
        for condition in CONDITIONS
        for picture in ("a/face.png", HOSTILE)
        for name, gain in gains.items()
        if not (condition == "identity" and name == "unsharp")
    ]
    entrants = [
        Entrant(name, "model", "openvino, f32", name == "master", Cost(1000, kmac, {"openvino/f32": Timing(10.0, 12.0, 5)}))
        for name, kmac in (("good", 5.7), ("harmful", 3.0), ("master", 2400.0))
    ]
    clip = FlickerScore("a.mkv", 24, 1000, 1.0, 1.05, 0, 0.0, 0.0, 0.5)
    picture = sharp_picture(Size(128, 128), 0)
    versions = dict.fromkeys(("input", "unsharp", "good", "harmful", "master", "truth"), picture)
    return Evaluation(
        entrants,
        Scores(rows),
        {"heavy": (1.0, 2.0)},
        "a test, 2 threads",
        2,
        ["tiny.png is smaller than 11x11"],
        {"unsharp": edge(1.2), "good": edge(1.6)},
        {"good": [clip]},
        [Strip(Wish(HOSTILE, "heavy", "worst", 5.0), versions)],
    )


def test_the_report_stands_alone_and_holds_everything(evaluation):
    html = report.render(evaluation, "val")
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script|<link""", html)
    assert "&lt;script&gt;" in html
    for heading in ("Goals", "Quality", "Harm", "Slanted edges", "Flicker", "Crops at 200 %", "How it was measured"):
        assert f"<h2>{heading}" in html
    assert "tiny.png is smaller" in html
    assert html.count("<svg") == 6  # gains, sorted, cost, three levels of edges
    order = re.findall(r"<figcaption>(\w+)</figcaption>", html)
    assert order == ["input", "unsharp", "master", "good", "harmful", "truth"]
    assert 'width="256" height="256"' in html


def test_crops_are_kept_without_loss_while_they_are_few(evaluation, monkeypatch):
    assert "data:image/webp" in report.render(evaluation, "val")
    monkeypatch.setattr(report, "MOST_LOSSLESS_BYTES", 1000)
    html = report.render(evaluation, "val")
    assert "data:image/jpeg" in html
    assert "data:image/webp" not in html


def test_lossless_is_lossless():
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    _, data = report._lossless(picture)
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), picture)


def test_goals_are_judged(evaluation):
    good = {goal.what: goal.met for goal in goals.judge(evaluation, "good")}
    assert all(good.values())
    assert len(good) == 15
    harmful = [goal.what for goal in goals.judge(evaluation, "harmful") if goal.met]
    assert harmful == ["sharp pictures come back unharmed", "brightness and colour stay"]


def test_a_path_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    report.check_writable(tmp_path / "new.html")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="would replace a folder"):
        report.check_writable(tmp_path)
    with pytest.raises(ConfigError, match="no folder"):
        report.check_writable(tmp_path / "none" / "r.html")


def test_an_older_report_is_replaced_as_a_whole(evaluation, tmp_path):
    path = tmp_path / "r.html"
    path.write_text("old", encoding="utf-8")
    report.write_report(path, evaluation, "val")
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]


def test_worst_median_and_best_are_shown_and_faces_and_text():
    table = {"a.png": 1.0, "portraits/b.png": 5.0, "c.png": -2.0, "screens/d.png": 3.0, "e.png": 2.0}
    rows = [row(name, "heavy", "m", 30 + gain) for name, gain in table.items()] + [row(name, "heavy", "input", 30) for name in table]
    wishes = [(wish.reason, wish.picture) for wish in crops.choose(Scores(rows), "m")]
    assert wishes == [
        ("worst", "c.png"),
        ("median", "e.png"),
        ("best", "portraits/b.png"),
        ("face", "portraits/b.png"),
        ("text", "screens/d.png"),
    ]


def test_a_crop_lies_where_the_model_does_harm(tmp_path):
    cv2.imwrite(str(tmp_path / "x.png"), sharp_picture(Size(300, 400), 1))
    loaded = find_subjects(tmp_path)[0].load()

    def spoil(picture):
        spoilt = loaded.truth.copy()
        spoilt[200:260, 250:330] = 0
        return spoilt

    strip = crops.cut(loaded, Wish("x.png", "low", "worst", -9.0), (1.0, 1.0), {"m": spoil})
    assert list(strip.crops) == ["input", "unsharp", "m", "truth"]
    assert {crop.shape for crop in strip.crops.values()} == {(128, 128, 3)}
    assert (strip.crops["m"] == 0).all(axis=2).sum() >= 60 * 80


def test_a_picture_smaller_than_a_crop_is_shown_whole(tmp_path):
    cv2.imwrite(str(tmp_path / "x.png"), sharp_picture(Size(50, 70), 1))
    strip = crops.cut(find_subjects(tmp_path)[0].load(), Wish("x.png", "low", "best", 1.0), None, {"m": lambda picture: picture})
    assert {crop.shape for crop in strip.crops.values()} == {(50, 70, 3)}
