"""Which arithmetic a model runs in, by times that are made up."""

import pytest

from sharpen_core.arithmetic import WORTH, Ways
from sharpen_core.engines.select import select_engine
from sharpen_core.frame import Size
from sharpen_core.model_store import find_model
from sharpen_core.tuning import setup_of
from sharpen_core.tuning_cache import Tuned, TuningCache

SIZE = Size(240, 320)


@pytest.fixture
def cache(tmp_path) -> TuningCache:
    return TuningCache(tmp_path / "tuning.json")


def measured(cache: TuningCache, own_ms: float, eight_bit_ms: float, *, sure: bool = True) -> None:
    model = find_model("fast")
    for precision, ms in ((None, own_ms), ("int8", eight_bit_ms)):
        setup = setup_of(model, select_engine("openvino", 1, precision), SIZE)
        assert setup
        cache.put(setup, Tuned(frame_ms=ms, sure=sure))


def ways(*, free: bool = True) -> Ways:
    return Ways(select_engine("openvino", 1), 1, free=free)


def test_eight_bits_where_they_are_clearly_faster(cache: TuningCache) -> None:
    measured(cache, 10.0, 10.0 * WORTH - 0.1)
    way = ways().best(find_model("fast"), SIZE, cache, measure=False)
    assert way.engine.compile(find_model("fast"), Size(32, 32)).precision == "int8"
    assert way.tuned
    assert ways().known_ms([find_model("fast")], SIZE, cache) == {"fast": way.tuned.frame_ms}


def test_not_for_a_little(cache: TuningCache) -> None:
    measured(cache, 10.0, 10.0 * WORTH + 0.1)
    own = ways()
    assert own.best(find_model("fast"), SIZE, cache, measure=False).engine is own.engine


def test_not_where_a_precision_was_named(cache: TuningCache) -> None:
    measured(cache, 10.0, 1.0)
    named = ways(free=False)
    assert named.best(find_model("fast"), SIZE, cache, measure=False).engine is named.engine


def test_not_before_both_were_measured(cache: TuningCache) -> None:
    model = find_model("fast")
    assert ways().best(model, SIZE, cache, measure=False).tuned is None
    assert ways().known_ms([model], SIZE, cache) == {}
    setup = setup_of(model, select_engine("openvino", 1), SIZE)
    assert setup
    cache.put(setup, Tuned(frame_ms=9.0, sure=True))
    own = ways()
    assert own.best(model, SIZE, cache, measure=False).engine is own.engine
    assert own.known_ms([model], SIZE, cache) == {"fast": 9.0}


def test_what_is_not_sure_decides_but_is_not_told(cache: TuningCache) -> None:
    measured(cache, 10.0, 5.0, sure=False)
    both = ways()
    assert both.best(find_model("fast"), SIZE, cache, measure=False).engine is not both.engine
    assert both.known_ms([find_model("fast")], SIZE, cache) == {}


def test_both_are_measured_and_remembered(cache: TuningCache) -> None:
    model, size = find_model("fast"), Size(32, 48)
    chosen = ways().best(model, size, cache)
    assert chosen.tuned
    for precision in (None, "int8"):
        setup = setup_of(model, select_engine("openvino", 1, precision), size)
        assert setup
        assert cache.get(setup)
    assert ways().best(model, size, cache, measure=False).tuned == chosen.tuned


def test_onnx_runtime_has_no_eight_bit_graphs(cache: TuningCache) -> None:
    other = Ways(select_engine("onnxruntime", 1), 1, free=True)
    assert other.best(find_model("fast"), SIZE, cache, measure=False).engine is other.engine
