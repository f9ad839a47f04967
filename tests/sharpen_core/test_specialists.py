import time
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import scene

from sharpen_core.engines.base import Precision
from sharpen_core.errors import EngineCompileFailed, ModelCorrupt
from sharpen_core.frame import Size
from sharpen_core.gauge import BANDS
from sharpen_core.model_store import Model, find_model
from sharpen_core.specialists import HYSTERESIS, Specialists, fitting, in_charge

BOUNDS = (0.4, 0.7)
SIZE, OTHER = Size(4, 4), Size(8, 8)
means = st.floats(-0.2, 1.3)


def mtf(mean):
    return np.full(BANDS, mean, np.float32)


def mean_of(mean):
    """What becomes of a number in float32."""
    return float(mtf(mean).mean())


def model_of(bounds=BOUNDS):
    shipped = find_model("fast")
    return Model(shipped.folder, shipped.manifest.model_copy(update={"bounds": bounds}))


@dataclass
class Numbered:
    """A network whose pictures are the number of its weights."""

    number: int
    precision: Precision = "f32"

    def infer(self, pixels, mtf=None):
        return np.full_like(pixels, self.number)


class Workbench:
    """Compiles networks, and notes what for; it may be held up, and it fails at some weights."""

    def __init__(self, fails=(), error=EngineCompileFailed):
        self.compiled, self.fails, self.error, self.waits = [], fails, error, False

    def __call__(self, model, size, users):
        while self.waits:
            time.sleep(0.001)
        if model.number in self.fails:
            raise self.error("no", "never")
        self.compiled.append((model.number, size, users))
        return Numbered(model.number)


def number_of(network, size=SIZE):
    return int(network.infer(scene(size)).max())


def until_changed(specialists, mean):
    deadline = time.monotonic() + 10
    while not specialists.tell(mtf(mean)):
        assert time.monotonic() < deadline
        time.sleep(0.001)


@given(means)
def test_the_first_frame_decides_by_the_bounds_alone(mean):
    assert in_charge(BOUNDS, mtf(mean)) == sum(mean_of(mean) > bound for bound in BOUNDS)


@given(means, st.integers(0, 2))
def test_whoever_is_in_charge_stays_until_a_bound_is_clearly_crossed(mean, now):
    edges = (-9.0, *BOUNDS, 9.0)
    after = in_charge(BOUNDS, mtf(mean), now)
    if edges[now] - HYSTERESIS < mean_of(mean) < edges[now + 1] + HYSTERESIS:
        assert after == now
    elif after != now:
        assert in_charge(BOUNDS, mtf(mean)) in (after, after - np.sign(after - now), after + np.sign(after - now))
    assert in_charge(BOUNDS, mtf(mean), after) == after


def test_a_model_of_one_set_of_weights_is_never_compiled_again():
    bench = Workbench()
    specialists = Specialists(model_of(()), bench, wait=True)
    specialists.compile(SIZE)
    assert not any(specialists.tell(mtf(mean)) for mean in (0.1, 0.9))
    assert bench.compiled == [(0, SIZE, 1)]


def test_a_picture_waits_for_its_weights():
    specialists = Specialists(model_of(), Workbench(), wait=True)
    network = specialists.compile(SIZE)
    assert number_of(network) == 1  # the ones in the middle, before anything is known
    for mean, number in ((0.2, 0), (0.9, 2), (0.5, 1)):
        assert specialists.tell(mtf(mean))
        assert not specialists.tell(mtf(mean))
        assert (number_of(network), specialists.number) == (number, number)


def test_what_is_forgotten_leaves_no_hysteresis():
    specialists = Specialists(model_of(), Workbench(), wait=True)
    beyond = mtf(BOUNDS[1] + HYSTERESIS / 2)
    specialists.tell(mtf(0.5))
    assert not specialists.tell(beyond)
    specialists.forget()
    assert specialists.tell(beyond)


def test_a_live_frame_goes_on_with_the_old_weights_until_all_networks_have_the_new_ones():
    bench = Workbench()
    specialists = Specialists(model_of(), bench, wait=False)
    first, second = specialists.compile(SIZE), specialists.compile(OTHER, 2)
    bench.waits = True
    assert not any(specialists.tell(mtf(0.2)) for _ in range(3))
    assert (number_of(first), number_of(second), specialists.loading) == (1, 1, True)
    bench.waits = False
    until_changed(specialists, 0.2)
    assert (number_of(first), number_of(second), specialists.loading) == (0, 0, False)
    assert bench.compiled[2:] == [(0, SIZE, 1), (0, OTHER, 2)]
    assert number_of(specialists.compile(OTHER)) == 0


def test_a_network_that_comes_while_weights_are_loaded_has_them_too():
    bench = Workbench()
    specialists = Specialists(model_of(), bench, wait=False)
    first = specialists.compile(SIZE)
    bench.waits = True
    specialists.tell(mtf(0.9))
    bench.waits = False
    second = specialists.compile(OTHER)
    until_changed(specialists, 0.9)
    assert (number_of(first), number_of(second)) == (2, 2)


@pytest.mark.parametrize("error", [EngineCompileFailed, ModelCorrupt])
def test_weights_that_cannot_be_loaded_are_tried_once_and_the_others_go_on(error):
    bench = Workbench(fails=(2,), error=error)
    specialists = Specialists(model_of(), bench, wait=False)
    network = specialists.compile(SIZE)
    for _ in range(50):
        assert not specialists.tell(mtf(0.9))
        time.sleep(0.001)
    assert number_of(network) == 1
    until_changed(specialists, 0.2)
    assert number_of(network) == 0


def test_a_picture_whose_weights_cannot_be_loaded_is_an_error():
    specialists = Specialists(model_of(), Workbench(fails=(2,)), wait=True)
    specialists.compile(SIZE)
    with pytest.raises(EngineCompileFailed):
        specialists.tell(mtf(0.9))


def test_a_model_names_the_graphs_of_the_weights_that_fit():
    model = model_of()
    assert (model.sets, model.number) == (3, 1)
    names = [fitting(model, mtf(mean)).onnx_file for mean in (0.2, 0.5, 0.9)]
    assert names == ["model-1.onnx", "model-2.onnx", "model-3.onnx"]
    assert model_of(()).onnx_file == "model.onnx"
