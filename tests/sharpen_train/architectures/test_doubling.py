"""The two forms of a doubling compute the same."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_train.architectures.doubling import Doubling, RowDoubling
from sharpen_train.architectures.nafnet_unet import NafnetUnet
from sharpen_train.architectures.two_scale import TwoScale

SIZES = st.integers(1, 5)


@settings(max_examples=30, deadline=None)
@given(SIZES, SIZES, SIZES, SIZES, st.integers(1, 2))
@torch.inference_mode()
def test_rows_hold_the_same_pixels_whatever_the_size(inputs: int, outputs: int, height: int, width: int, pictures: int) -> None:
    torch.manual_seed(inputs)
    doubling = Doubling(inputs, outputs)  # its biases start at random, so each of the four pixels has one of its own
    rows = RowDoubling(doubling)
    x = torch.randn(pictures, inputs, height, width)
    result = rows(x)
    assert result.shape == (pictures, height, 2, width, 2 * outputs)
    torch.testing.assert_close(rows.back(result), doubling.back(doubling(x)))


@settings(max_examples=30, deadline=None)
@given(SIZES, SIZES, SIZES)
def test_going_to_rows_and_back_changes_nothing(channels: int, height: int, width: int) -> None:
    rows = RowDoubling(Doubling(1, channels))
    x = torch.randn(1, channels, 2 * height, 2 * width)
    assert torch.equal(rows.back(rows.view(x)), x)


def test_weights_keep_the_names_and_shapes_of_the_convolutions_they_were() -> None:
    two_scale = TwoScale(8, 16, 1).state_dict()
    assert (two_scale["up.weight"].shape, two_scale["up.bias"].shape) == ((32, 16, 1, 1), (32,))
    unet = NafnetUnet(4, (8, 16), ((1,),), (1,), ((1,),), guided=False).state_dict()
    shapes = {name: tuple(unet[f"{name}.weight"].shape) for name in ("ups.0", "gate", "shift")}
    assert shapes == {"ups.0": (32, 16, 1, 1), "gate": (16, 8, 1, 1), "shift": (16, 8, 1, 1)}
