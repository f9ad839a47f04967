import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpen_train.architectures.layer_norm import BiasFreeLayerNorm2d, LayerNorm2d


def by_hand(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, eps: float) -> np.ndarray:
    """Pixel by pixel."""
    values, result = x.detach().double().numpy(), np.empty(x.shape)
    for n, row, column in np.ndindex(x.shape[0], *x.shape[2:]):
        pixel = values[n, :, row, column]
        centred = pixel - pixel.mean()
        spread = np.sqrt((centred**2).mean() + eps)
        scaled = (pixel if bias is None else centred) / spread * weight.detach().numpy()
        result[n, :, row, column] = scaled if bias is None else scaled + bias.detach().numpy()
    return result


@settings(max_examples=40)
@given(channels=st.integers(1, 9), height=st.integers(1, 4), width=st.integers(1, 4), last=st.booleans(), seed=st.integers(0, 99))
def test_both_kinds_in_both_memory_formats(channels: int, height: int, width: int, last: bool, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.randn(2, channels, height, width) * 3 + 5
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    for norm in (LayerNorm2d(channels, 1e-3), BiasFreeLayerNorm2d(channels, 1e-3)):
        for parameter in norm.parameters():
            torch.nn.init.normal_(parameter)
        expected = by_hand(x, norm.weight, getattr(norm, "bias", None), 1e-3)
        np.testing.assert_allclose(norm(x).detach().numpy(), expected, atol=2e-4, rtol=2e-4)


def test_the_gradient_is_that_of_the_formula() -> None:
    torch.manual_seed(0)
    for norm in (LayerNorm2d(3, 1e-6), BiasFreeLayerNorm2d(3, 1e-6)):
        x = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(norm.double(), (x,))


@pytest.mark.parametrize("kind", [LayerNorm2d, BiasFreeLayerNorm2d])
def test_half_types_are_summed_in_full_precision(kind: type[torch.nn.Module]) -> None:
    """256 + 1 is 256 in bfloat16: a sum in it would lose the detail of a bright pixel."""
    torch.manual_seed(0)
    x = (torch.randn(1, 512, 2, 2) * 8 + 100).bfloat16()
    norm = kind(512, 1e-6)
    exact = norm(x.double())
    with torch.inference_mode():
        result = norm.bfloat16()(x)
    torch.testing.assert_close(result.double(), exact, atol=0.02, rtol=0.01)


def test_the_bias_free_kind_follows_the_brightness() -> None:
    x = torch.rand(1, 8, 4, 4) + 1
    torch.testing.assert_close(BiasFreeLayerNorm2d(8, 0.0)(x * 2), BiasFreeLayerNorm2d(8, 0.0)(x))
