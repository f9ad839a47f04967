import json
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import sharp_picture
from typer.testing import CliRunner

from sharpen_core.errors import OutputUnwritable
from sharpen_core.frame import Size
from sharpen_train.commands.survey import app
from sharpen_train.errors import ConfigError, DataError
from sharpen_train.evaluation import candidates
from sharpen_train.evaluation.survey import KEY, PAGE, Key, Shown, SurveyOptions, make_survey
from sharpen_train.evaluation.survey_tally import Preference, tally


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), sharp_picture(Size(400, 640), number))
    return folder


def make(data, out, options=None, systems=None):
    systems = {"secretnet": lambda picture: 255 - picture} if systems is None else systems
    return make_survey(systems, data, out, options or SurveyOptions(pictures=2, presets=("heavy", "low")), lambda _: None)


def picture_of(out, name):
    return cv2.imread(str(out / PAGE / "pictures" / f"{name}.png"))


def test_every_scene_is_there_in_every_version(data, tmp_path):
    out = tmp_path / "out"
    key = make(data, out)
    assert Key.model_validate_json((out / KEY).read_bytes()) == key
    assert key.systems == ["input", "secretnet", "truth"]
    assert sorted((shown.scene, shown.system) for shown in key.pictures.values()) == [(s, name) for s in (0, 1) for name in key.systems]
    assert {shown.scene: shown.preset for shown in key.pictures.values()} == {0: "heavy", 1: "low"}
    assert {file.stem for file in (out / PAGE / "pictures").iterdir()} == set(key.pictures)
    versions = {shown.system: picture_of(out, name) for name, shown in key.pictures.items() if shown.scene == 0}
    assert {version.shape for version in versions.values()} == {(360, 480, 3)}
    assert np.array_equal(versions["secretnet"], 255 - versions["input"])
    assert np.abs(versions["truth"].astype(int) - versions["input"]).mean() > 1


def test_the_page_tells_no_names(data, tmp_path):
    out = tmp_path / "out"
    key = make(data, out)
    page = (out / PAGE / "index.html").read_text(encoding="utf-8")
    for word in ("secretnet", "truth", "heavy", *(shown.picture for shown in key.pictures.values())):
        assert word not in page
    assert all(name in page for name in key.pictures)
    assert not any(file.name == KEY for file in (out / PAGE).rglob("*"))


def test_the_seed_fixes_what_is_shown_but_not_the_hidden_names(data, tmp_path):
    keys = [make(data, tmp_path / name) for name in "ab"]
    assert not keys[0].pictures.keys() & keys[1].pictures.keys()

    def by_content(name, key):
        return {(shown.scene, shown.system): picture_of(tmp_path / name, each).tobytes() for each, shown in key.pictures.items()}

    assert by_content("a", keys[0]) == by_content("b", keys[1])


def test_small_pictures_are_shown_whole(tmp_path):
    (tmp_path / "data").mkdir()
    cv2.imwrite(str(tmp_path / "data" / "small.png"), sharp_picture(Size(60, 90), 1))
    key = make(tmp_path / "data", tmp_path / "out")
    assert {picture_of(tmp_path / "out", name).shape for name in key.pictures} == {(60, 90, 3)}


def test_a_second_survey_does_not_overwrite_the_first(data, tmp_path):
    make(data, tmp_path / "out")
    before = (tmp_path / "out" / KEY).read_bytes()
    with pytest.raises(ConfigError, match="holds a survey already"):
        make(data, tmp_path / "out")
    assert (tmp_path / "out" / KEY).read_bytes() == before


def test_wrong_wishes_are_refused(data, tmp_path):
    with pytest.raises(ConfigError, match="cannot be called 'truth'"):
        make(data, tmp_path / "out", systems={"truth": lambda picture: picture})
    with pytest.raises(ConfigError):
        make(data, tmp_path / "out", SurveyOptions(presets=("hevy",)))
    with pytest.raises(DataError):
        make(tmp_path / "none", tmp_path / "out")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputUnwritable):
        make(data, tmp_path / "file" / "out")


SYSTEMS = ["input", "net", "truth"]


def write_key(folder, scenes=2, survey="s"):
    pictures = {
        f"{system}{scene}": Shown(system=system, scene=scene, picture="p", preset="heavy") for scene in range(scenes) for system in SYSTEMS
    }
    path = folder / "key.json"
    path.write_text(Key(survey=survey, systems=SYSTEMS, pictures=pictures).model_dump_json(), encoding="utf-8")
    return path


def write_answers(folder, rater, ratings, survey="s"):
    path = folder / f"{rater}.json"
    path.write_text(
        json.dumps({"format": 1, "survey": survey, "rater": rater, "finished": "2026-01-01", "ratings": ratings}), encoding="utf-8"
    )
    return path


def test_opinions_and_preferences(tmp_path):
    key = write_key(tmp_path)
    one = write_answers(tmp_path, "a", {"input0": 1, "net0": 3, "truth0": 5, "input1": 2, "net1": 2, "truth1": 4})
    two = write_answers(tmp_path, "b", {"input0": 2, "net0": 4, "truth0": 4, "input1": 3})
    result = tally([one, two], key)
    assert (result.raters, result.scenes) == (2, 2)
    assert [(opinion.system, opinion.ratings) for opinion in result.opinions] == [("input", 4), ("net", 3), ("truth", 3)]
    assert [opinion.mean for opinion in result.opinions] == pytest.approx([2.0, 3.0, 13 / 3])
    assert result.preferences == [
        Preference("net", "input", better=2, equal=1, worse=0),
        Preference("truth", "input", better=3, equal=0, worse=0),
        Preference("truth", "net", better=2, equal=1, worse=0),
    ]


def test_what_nobody_rated_is_unknown(tmp_path):
    result = tally([write_answers(tmp_path, "a", {"input0": 3})], write_key(tmp_path))
    assert [opinion.ratings for opinion in result.opinions] == [1, 0, 0]
    assert math.isnan(result.opinions[1].mean)
    assert result.as_json()["opinions"][1]["mean"] is None
    assert (result.opinions[0].low, result.opinions[0].high) == (3.0, 3.0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.integers(1, 5), min_size=6, max_size=6), min_size=1, max_size=4))
def test_the_interval_holds_the_mean(tmp_path_factory, everyone):
    folder = tmp_path_factory.mktemp("answers")
    key = write_key(folder)
    names = [f"{system}{scene}" for system in SYSTEMS for scene in range(2)]
    result = tally([write_answers(folder, str(i), dict(zip(names, ratings, strict=True))) for i, ratings in enumerate(everyone)], key)
    for opinion in result.opinions:
        assert 1 <= opinion.low <= opinion.mean <= opinion.high <= 5


def test_the_interval_covers_the_truth_about_as_often_as_it_says(tmp_path):
    """Raters differ and scenes differ: an interval from the plain number of ratings would be far too narrow."""
    rng = np.random.default_rng(3)
    key, names = write_key(tmp_path, scenes=8), [f"net{scene}" for scene in range(8)]
    covered = 0
    for _ in range(20):
        latent = 3 + rng.normal(0, 0.5, (8, 1)) + rng.normal(0, 0.4, (1, 8)) + rng.normal(0, 0.4, (8, 8))
        ratings = np.clip(np.round(latent), 1, 5).astype(int).tolist()
        result = tally([write_answers(tmp_path, str(i), dict(zip(names, row, strict=True))) for i, row in enumerate(ratings)], key)
        covered += result.opinions[1].low <= 3.0 <= result.opinions[1].high
    assert covered >= 17


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("not json", "holds no answers"),
        ('{"survey": "s"}', "holds no answers"),
        (json.dumps({"survey": "t", "rater": "a", "finished": "", "ratings": {"net0": 3}}), "another survey"),
        (json.dumps({"survey": "s", "rater": "a", "finished": "", "ratings": {"net9": 3}}), "another survey"),
        (json.dumps({"survey": "s", "rater": "a", "finished": "", "ratings": {"net0": 6}}), "not from 1 to 5"),
    ],
)
def test_answers_that_do_not_belong_are_refused(tmp_path, content, complaint):
    (tmp_path / "answers.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=complaint) as caught:
        tally([tmp_path / "answers.json"], write_key(tmp_path))
    assert "\n" not in str(caught.value)


def test_the_same_person_counts_once(tmp_path):
    one = write_answers(tmp_path, "a", {"net0": 3})
    two = tmp_path / "copy.json"
    two.write_bytes(one.read_bytes())
    with pytest.raises(DataError, match="by the same person"):
        tally([one, two], write_key(tmp_path))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.json"):
        tally([tmp_path / "none.json"], write_key(tmp_path))
    with pytest.raises(DataError, match=r"key\.json"):
        tally([], tmp_path / "no" / "key.json")
    (tmp_path / "wrong.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="not the key"):
        tally([], tmp_path / "wrong.json")


class Mirror:
    """Stands in for an opened model."""

    def __init__(self, spec):
        self.name = spec.label or spec.what

    def restore(self, picture):
        return np.ascontiguousarray(picture[:, ::-1])


def test_from_the_command_line(data, tmp_path, monkeypatch):
    monkeypatch.setattr(candidates, "open_once", Mirror)
    monkeypatch.setattr(candidates, "usable_device", str)
    made = CliRunner().invoke(
        app, ["make", "one", "two", "--teacher", "big", "--data", str(data), "--out", str(tmp_path / "out"), "--pictures", "1"]
    )
    assert made.exit_code == 0, made.output
    assert "5 pictures to rate" in made.output
    key = Key.model_validate_json((tmp_path / "out" / KEY).read_bytes())
    assert key.systems == ["input", "one", "two", "teacher", "truth"]
    answers = write_answers(tmp_path, "a", {name: 1 + key.systems.index(each.system) for name, each in key.pictures.items()}, key.survey)
    command = ["tally", str(answers), "--key", str(tmp_path / "out" / KEY)]
    counted = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
    assert {opinion["system"]: opinion["mean"] for opinion in counted["opinions"]} == dict(zip(key.systems, range(1, 6), strict=True))
    table = CliRunner().invoke(app, command)
    assert table.exit_code == 0
    assert "teacher" in table.output
    assert "Mean opinion" in table.output
