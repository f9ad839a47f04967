import time

import cv2
import numpy as np
import pytest
from pictures import scene

from sharpen_core.engines.openvino import OpenVINOEngine, OpenVINONetwork
from sharpen_core.frame import Size
from sharpen_core.gauge import SHARP, FrameGauge
from sharpen_core.model_store import FAMILY, Model, find_model
from sharpen_core.restorer import Restorer
from sharpen_core.specialists import in_charge


@pytest.fixture(scope="module")
def engine() -> OpenVINOEngine:
    return OpenVINOEngine(threads=2, precision="f32")


@pytest.fixture(scope="module")
def restorer(engine: OpenVINOEngine) -> Restorer:
    return Restorer(find_model("fast"), engine, Size(240, 320))


def test_strength_zero_is_the_very_frame(restorer: Restorer) -> None:
    frame = scene(restorer.size)
    assert restorer.sharpen(frame, 0.0) is frame


def test_strength_mixes_frame_and_result(restorer: Restorer) -> None:
    frame = scene(restorer.size)
    full = restorer.sharpen(frame, 1.0).astype(int)
    half = restorer.sharpen(frame, 0.5).astype(int)
    assert np.abs(full - frame).max() > 8
    assert np.abs(half - (full + frame) / 2).max() <= 0.5


def test_the_frame_is_left_as_it_was_and_results_are_independent(restorer: Restorer) -> None:
    frame = scene(restorer.size)
    kept = frame.copy()
    first = restorer.sharpen(frame)
    first_kept = first.copy()
    second = restorer.sharpen(scene(restorer.size, seed=5))
    np.testing.assert_array_equal(frame, kept)
    np.testing.assert_array_equal(first, first_kept)
    assert not np.shares_memory(first, second)


def test_another_size_is_refused(restorer: Restorer) -> None:
    with pytest.raises(ValueError, match="320x240"):
        restorer.sharpen(scene(Size(10, 10)))


@pytest.mark.parametrize("size", [Size(1, 1), Size(5, 3), Size(97, 131), Size(361, 203), Size(480, 270)])
def test_the_shipped_model_tiled_equals_whole(engine: OpenVINOEngine, size: Size) -> None:
    frame = scene(size)
    whole = Restorer(find_model("fast"), engine, size, most_px=10**9)
    tiled = Restorer(find_model("fast"), engine, size, most_px=30_000)
    assert whole.plan.count == 1
    assert tiled.plan.count > 1 or size.height * size.width < 30_000
    assert np.abs(tiled.sharpen(frame).astype(int) - whole.sharpen(frame)).max() <= 1


def test_a_network_that_looks_at_the_whole_frame_gets_it_in_one_piece(engine: OpenVINOEngine) -> None:
    model = find_model("fast")
    whole = Model(model.folder, model.manifest.model_copy(update={"whole_frame": True}))
    size = Size(203, 361)
    restorer = Restorer(whole, engine, size, most_px=10_000)
    assert restorer.plan.count == 1
    frame = scene(size)
    expected = Restorer(model, engine, size, most_px=10**9).sharpen(frame)
    np.testing.assert_array_equal(restorer.sharpen(frame), expected)


def test_edges_become_steeper(restorer: Restorer) -> None:
    frame = scene(restorer.size)
    steepness = [np.abs(np.diff(picture.astype(int), axis=1)).max() for picture in (frame, restorer.sharpen(frame))]
    assert steepness[1] > 1.1 * steepness[0]


@pytest.mark.parametrize("name", FAMILY)
def test_reuse_stays_close_to_the_whole_result_and_computes_less(engine: OpenVINOEngine, name: str) -> None:
    size = Size(480, 640)
    whole, reusing = (Restorer(find_model(name), engine, size, reuse=reuse) for reuse in (False, True))
    shares = []
    for number in range(40):
        frame = scene(size)
        frame[180:300, 240:400] = np.roll(frame, 2 * number, axis=1)[180:300, 240:400]
        difference = np.abs(reusing.sharpen(frame).astype(int) - whole.sharpen(frame))
        assert difference.mean() < 0.5
        shares.append(reusing.computed_share)
    assert shares[0] == whole.computed_share == 1
    assert min(shares) < 1


def test_strength_zero_computes_nothing(engine: OpenVINOEngine) -> None:
    restorer = Restorer(find_model("fast"), engine, Size(64, 64), reuse=True)
    frame = scene(Size(64, 64))
    assert restorer.sharpen(frame, 0.0) is frame
    assert restorer.computed_share == 0


@pytest.mark.parametrize(("reuse", "area"), [(False, 1.0), (True, 1.0), (True, 0.3)])
def test_what_is_sharp_is_not_computed(engine: OpenVINOEngine, monkeypatch: pytest.MonkeyPatch, reuse: bool, area: float) -> None:
    restorer, frame = Restorer(find_model("fast"), engine, Size(240, 320), reuse=reuse), scene(Size(240, 320))
    restorer.area = area
    monkeypatch.setattr(FrameGauge, "look", lambda *_: SHARP)
    monkeypatch.setattr(OpenVINONetwork, "infer", lambda *_: pytest.fail("the network was asked"))
    result = restorer.sharpen(frame)
    np.testing.assert_array_equal(result, frame)
    assert not np.shares_memory(result, frame)
    assert restorer.spared
    kept, restorer.crispness = frame.copy(), 1.0
    assert (restorer.sharpen(frame) != frame).any()
    np.testing.assert_array_equal(frame, kept)


@pytest.mark.parametrize("whole_frame", [False, True])
def test_only_a_part_is_sharpened_when_that_is_wanted(engine: OpenVINOEngine, whole_frame: bool) -> None:
    model = find_model("fast")
    model = Model(model.folder, model.manifest.model_copy(update={"whole_frame": whole_frame}))
    size = Size(480, 640)
    restorer = Restorer(model, engine, size, reuse=True)
    frame = scene(size)
    full = restorer.sharpen(frame)
    restorer.area = 0.3
    part = restorer.sharpen(frame)
    np.testing.assert_array_equal(part[:50], frame[:50])
    assert np.abs(part[230:250, 310:330].astype(int) - full[230:250, 310:330]).max() <= 1
    restorer.area = 7
    assert restorer.area == 1


def test_weights_for_the_softness_of_the_frame_are_loaded_while_frames_go_on(engine: OpenVINOEngine) -> None:
    model, size = find_model("fast"), Size(240, 320)
    frame = np.asarray(cv2.GaussianBlur(scene(size), (0, 0), 1.4), np.uint8)
    patient, prompt = Restorer(model, engine, size), Restorer(model, engine, size, prompt=True)
    expected, first = patient.sharpen(frame), prompt.sharpen(frame)
    assert model.manifest.bounds
    assert patient.mtf is not None
    assert in_charge(model.manifest.bounds, patient.mtf) == 0  # as soft as this, the weights in the middle are not the right ones
    assert np.abs(first.astype(int) - expected).max() > 4
    deadline_s = time.monotonic() + 20
    while not np.array_equal(prompt.sharpen(frame), expected):
        assert time.monotonic() < deadline_s
