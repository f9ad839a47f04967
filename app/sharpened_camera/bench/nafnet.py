"""The published student of this field: NAFNet of width 16, as its authors deploy it, drawn with any library's operations.

Chen et al., "Simple Baselines for Image Restoration", ECCV 2022. Encoder [2, 2, 4, 8], middle 2, decoder [2, 2, 2, 2], with LayerNorm2d,
SimpleGate and simplified channel attention. Its weights are random: only its time is of interest, and that does not depend on them.
"""

from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]
Node = TypeVar("Node")

WIDTH = 16
ENCODER, MIDDLE, DECODER = (2, 2, 4, 8), 2, (2, 2, 2, 2)
MULTIPLE_PX = 2 ** len(ENCODER)


class Pen(Protocol[Node]):
    """A library's operations on nodes of a graph, each (1, channels, height, width) float32."""

    def convolve(self, node: Node, kernel: Weights, bias: Weights | None, *, stride: int, groups: int) -> Node:
        """Convolves with (out, in / groups, k, k); padded so that a stride of 1 keeps the size."""
        ...

    def normalise(self, node: Node, weight: Weights, bias: Weights) -> Node:
        """LayerNorm2d over the channels of each pixel, spelled out as exporters do; both weights are (1, channels, 1, 1)."""
        ...

    def gate(self, node: Node) -> Node:
        """Multiplies the first half of the channels with the second."""
        ...

    def pool(self, node: Node) -> Node:
        """The mean of each channel over the whole picture."""
        ...

    def multiply(self, node: Node, other: "Node | Weights") -> Node:
        """Multiplies, broadcasting."""
        ...

    def add(self, node: Node, other: Node) -> Node:
        """Adds."""
        ...

    def shuffle(self, node: Node) -> Node:
        """Turns four channels into twice the height and width, as torch's PixelShuffle does."""
        ...


class PublishedStudent:
    """Draws the network and counts what it is made of.

    Attributes:
        parameters: number of weights; known once it is drawn, as is the next.
        kmac_per_px: thousand multiply-accumulates per pixel, without the two per channel that normalise and scale.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self.parameters = 0
        self.kmac_per_px = 0.0

    def draw(self, pen: Pen[Node], picture: Node) -> Node:
        """Returns the sharpened picture: (1, 3, H, W) in [0, 1] like the one that comes in, both sides multiples of `MULTIPLE_PX`."""
        node = self._convolve(pen, picture, 0, 3, WIDTH, 3)
        skipped: list[Node] = []
        level, channels = 0, WIDTH
        for blocks in ENCODER:
            node = self._blocks(pen, node, level, channels, blocks)
            skipped.append(node)
            node = self._convolve(pen, node, level + 1, channels, 2 * channels, 2, stride=2)
            level, channels = level + 1, 2 * channels
        node = self._blocks(pen, node, level, channels, MIDDLE)
        for blocks in DECODER:
            node = pen.shuffle(self._convolve(pen, node, level, channels, 2 * channels, 1, with_bias=False))
            level, channels = level - 1, channels // 2
            node = self._blocks(pen, pen.add(node, skipped.pop()), level, channels, blocks)
        return pen.add(self._convolve(pen, node, 0, WIDTH, 3, 3), picture)

    def _blocks(self, pen: Pen[Node], node: Node, level: int, channels: int, count: int) -> Node:
        for _ in range(count):
            node = self._feed_forward(pen, self._attend(pen, node, level, channels), level, channels)
        return node

    def _attend(self, pen: Pen[Node], node: Node, level: int, channels: int) -> Node:
        """The first half of a block: depthwise convolution, gate, channel attention."""
        inner = self._normalise(pen, node, channels)
        inner = self._convolve(pen, inner, level, channels, 2 * channels, 1)
        inner = pen.gate(self._convolve(pen, inner, level, 2 * channels, 2 * channels, 3, groups=2 * channels))
        attention = self._convolve(pen, pen.pool(inner), None, channels, channels, 1)
        inner = self._convolve(pen, pen.multiply(inner, attention), level, channels, channels, 1)
        return pen.add(node, pen.multiply(inner, self._weights(1, channels, 1, 1)))

    def _feed_forward(self, pen: Pen[Node], node: Node, level: int, channels: int) -> Node:
        """The second half of a block."""
        inner = self._convolve(pen, self._normalise(pen, node, channels), level, channels, 2 * channels, 1)
        inner = self._convolve(pen, pen.gate(inner), level, channels, channels, 1)
        return pen.add(node, pen.multiply(inner, self._weights(1, channels, 1, 1)))

    def _normalise(self, pen: Pen[Node], node: Node, channels: int) -> Node:
        return pen.normalise(node, 1 + self._weights(1, channels, 1, 1), self._weights(1, channels, 1, 1))

    def _convolve(
        self,
        pen: Pen[Node],
        node: Node,
        level: int | None,
        channels_in: int,
        channels_out: int,
        side: int,
        *,
        stride: int = 1,
        groups: int = 1,
        with_bias: bool = True,
    ) -> Node:
        """Convolves with random weights. The result has a quarter of the frame's pixels for each level, one pixel for level None."""
        kernel = self._weights(channels_out, channels_in // groups, side, side)
        bias = self._weights(channels_out) if with_bias else None
        if level is not None:
            self.kmac_per_px += kernel.size / 4**level / 1000
        return pen.convolve(node, kernel, bias, stride=stride, groups=groups)

    def _weights(self, *shape: int) -> Weights:
        self.parameters += int(np.prod(shape))
        return self._random.normal(0, 0.05, shape).astype(np.float32)
