"""`sharpen-train evaluate`, called as the command line calls it."""

import json

import cv2
import pytest
from clips import picture, write_clip
from pictures import sharp_picture

from sharpen_core.errors import SharpenError
from sharpen_core.frame import Size
from sharpen_core.model_store import Score
from sharpen_train.commands.evaluate import evaluate
from sharpen_train.errors import ConfigError, DataError
from sharpen_train.evaluation import cost, slanted_edge


@pytest.fixture
def folder(tmp_path):
    """Two pictures, a pair, one that is too small, and one that is no picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(("a", "portrait", "p_sharp", "p_blur")):
        cv2.imwrite(str(folder / f"{name}.png"), sharp_picture(Size(64, 80), number))
    cv2.imwrite(str(folder / "tiny.png"), sharp_picture(Size(9, 80), 9))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(slanted_edge, "CHARTS", slanted_edge.CHARTS[:2])
    monkeypatch.setattr(cost, "MOST_S", 0.0)
    monkeypatch.setattr(cost, "FRAME", Size(height=72, width=128))


def test_everything_at_once(folder, run, tmp_path, capsys):
    clip = tmp_path / "clip.mp4"
    write_clip(clip, [picture(number) for number in range(4)])
    evaluate(
        ["fast", str(run)], data=folder, report=tmp_path / "r.html", as_json=True, teacher="fast@f32", clips=clip, device="cpu", workers=1
    )
    found = json.loads(capsys.readouterr().out)
    assert [(model["name"], model["kind"], model["teacher"]) for model in found["models"]] == [
        ("fast", "model", False),
        ("my-run", "run", False),
        ("fast@f32", "model", True),
    ]
    assert found["pictures"] == 4  # the sharp half of the pair is softened like any other picture, too
    assert [next(name for name in ("tiny", "broken") if name in reason) for reason in found["skipped"]] == ["broken", "tiny"]
    assert len(found["results"]) == 3 * (6 * 5 + 4) + 5
    for model in found["models"]:
        assert list(model["scores"]) == ["heavy", "heavy+jpeg", "medium", "medium+jpeg", "low", "low+jpeg", "real blur"]
        assert model["scores"] == found["models"][0]["scores"] or model["kind"] == "run"
        assert model["goals"]
    assert set(found["edges"]) == set(found["flicker"]) == {"unsharp", "fast", "my-run", "fast@f32"}
    saved = {name: Score.model_validate(score) for name, score in json.loads((run / "scores.json").read_text(encoding="utf-8")).items()}
    assert saved["heavy"].psnr_db == found["models"][1]["scores"]["heavy"]["psnr_db"]
    assert (tmp_path / "r.html").stat().st_size < 12e6


def test_a_table_for_people(folder, capsys):
    evaluate(["fast"], data=folder, limit=1, workers=1)
    out = capsys.readouterr().out
    assert "heavy+jpeg" in out
    assert "37,756 weights" in out
    assert "goals reached" in out


def test_only_pairs(folder, capsys):
    evaluate(["fast"], data=folder, pairs=True, as_json=True, workers=1)
    found = json.loads(capsys.readouterr().out)
    assert {row["condition"] for row in found["results"]} == {"real blur"}
    assert set(found["edges"]) == {"fast"}


def test_what_cannot_work_is_refused_before_the_work(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        evaluate(["fast"], data=tmp_path / "empty")
    with pytest.raises(ConfigError, match="for the report"):
        evaluate(["fast"], data=folder, report=tmp_path / "none" / "r.html")
    with pytest.raises(DataError, match="no clips"):
        evaluate(["fast"], data=folder, clips=tmp_path / "empty")
    (tmp_path / "bad.mp4").write_bytes(b"no clip")
    with pytest.raises(SharpenError, match=r"bad\.mp4"):
        evaluate(["fast"], data=folder, clips=tmp_path / "bad.mp4", workers=1)
    with pytest.raises(ConfigError, match="no model 'swift'"):
        evaluate(["swift"], data=folder)
    for name in ("a", "portrait", "p_sharp", "p_blur"):
        (folder / f"{name}.png").unlink()
    with pytest.raises(DataError, match="no picture can be scored"):
        evaluate(["fast"], data=folder, workers=1)
