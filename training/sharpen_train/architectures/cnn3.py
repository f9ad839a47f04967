"""The smallest published student: three convolutions."""

import torch
from torch import Tensor, nn

from sharpen_train.architectures.base import Network


class Cnn3(Network):
    """Three 3x3 convolutions of 64 channels with ReLU, and a sigmoid that keeps the result in (0, 1).

    The kind of student that small projects train on the teacher's outputs alone. There is no way around it for the input: what the
    network does not draw again is lost, and black and white are out of reach.
    """

    multiple_px = 1
    halo_px = 3

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()
        )
        self.decoder = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, 3, H, W) in [0, 1] to the same shape in (0, 1)."""
        y = self.encoder(x)  # (N, C, H, W)
        return torch.sigmoid(self.decoder(y))
