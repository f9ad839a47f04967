import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sharpen_train.architectures.reparam import fold_norm_before, fold_scale_after, split_outputs


def statistics(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    with torch.no_grad():
        norm.weight.uniform_(-2, 2)
        norm.bias.uniform_(-1, 1)
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.1, 3)
    return norm.eval()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 1000))
def test_norm_folds_into_the_convolution_behind_it(inputs: int, outputs: int, bias: bool, seed: int) -> None:
    torch.manual_seed(seed)
    norm, conv = statistics(inputs), nn.Conv2d(inputs, outputs, 1, bias=bias)
    x = torch.randn(2, inputs, 5, 7)
    assert torch.allclose(fold_norm_before(norm, conv)(x), conv(norm(x)), atol=1e-5)


def test_norm_does_not_fold_into_a_padded_convolution() -> None:
    with pytest.raises(ValueError, match="1x1"):
        fold_norm_before(statistics(3), nn.Conv2d(3, 3, 3, padding=1))


def test_scale_folds_into_the_convolution_before_it() -> None:
    conv, scale = nn.Conv2d(4, 6, 1), torch.randn(1, 6, 1, 1)
    x = torch.randn(2, 4, 5, 7)
    assert torch.allclose(fold_scale_after(conv, scale)(x), conv(x) * scale, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 8])
def test_split_halves_compute_the_two_halves_of_the_channels(groups: int) -> None:
    conv = nn.Conv2d(8, 8, 3, padding=1, groups=groups)
    first, second = split_outputs(conv)
    x = torch.randn(1, 8, 6, 6)
    expected = conv(x)
    given = x.chunk(2, dim=1) if groups == 8 else (x, x)
    assert torch.allclose(torch.cat([first(given[0]), second(given[1])], dim=1), expected, atol=1e-6)
