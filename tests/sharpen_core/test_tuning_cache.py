import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharpen_core.tuning_cache import MOST_ENTRIES, Setup, Tuned, TuningCache

SETUP = Setup(processor="a", model="b", engine="c", size="8x8")


def other(number: int) -> Setup:
    return SETUP.model_copy(update={"size": f"{number}x8"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "tuning.json"


def test_what_is_put_is_found_again(path: Path) -> None:
    assert TuningCache(path).get(SETUP) is None
    TuningCache(path).put(SETUP, Tuned(most_px=5, frame_ms=1))
    TuningCache(path).put(SETUP, Tuned(most_px=None, frame_ms=2))
    assert TuningCache(path).get(SETUP) == Tuned(most_px=None, frame_ms=2)
    assert TuningCache(path).get(other(1)) is None
    assert [entry.name for entry in path.parent.iterdir()] == ["tuning.json"]


def test_the_oldest_entries_go(path: Path) -> None:
    cache = TuningCache(path)
    for number in range(MOST_ENTRIES + 3):
        cache.put(other(number), Tuned(frame_ms=1))
    assert len(json.loads(path.read_text(encoding="utf-8"))["entries"]) == MOST_ENTRIES
    assert cache.get(other(2)) is None
    assert cache.get(other(3)) == Tuned(frame_ms=1)


GOOD = {"setup": SETUP.model_dump(), "tuned": {"most_px": 7, "frame_ms": 3.5}}


@pytest.mark.parametrize(
    "damage",
    [
        {"tuned": {"most_px": -1, "frame_ms": 1}},
        {"tuned": {"most_px": 1, "frame_ms": float("nan")}},
        {"tuned": {"most_px": 1, "frame_ms": 1, "new": 1}},
        {"setup": {}},
        {"more": 1},
    ],
)
def test_a_damaged_or_foreign_entry_is_ignored_and_the_others_are_not(path: Path, damage: dict) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"format": 1, "entries": [GOOD | damage, "rubbish", None, GOOD]}), encoding="utf-8")
    assert TuningCache(path).get(SETUP) == Tuned(most_px=7, frame_ms=3.5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary() | st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner)).map(lambda it: json.dumps(it).encode())
)
def test_any_rubbish_counts_as_nothing_measured_and_is_replaced(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    cache = TuningCache(path)
    assert cache.get(SETUP) is None
    cache.put(SETUP, Tuned(frame_ms=1))
    assert cache.get(SETUP) == Tuned(frame_ms=1)


def test_another_format_is_ignored(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"format": 2, "entries": [GOOD]}), encoding="utf-8")
    assert TuningCache(path).get(SETUP) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    cache = TuningCache(tmp_path / "file" / "tuning.json")
    cache.put(SETUP, Tuned(frame_ms=1))
    assert cache.get(SETUP) is None
