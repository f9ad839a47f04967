"""One frame in, one sharpened frame out."""

import sys

import cv2

from sharpen_core.engines.base import Engine, Precision
from sharpen_core.frame import Pixels, Size
from sharpen_core.model_store import Model
from sharpen_core.tiling import TILE_WORKING_BYTES, Mosaic, TilePlan, plan_tiles


class Restorer:
    """Sharpens frames of one size with one model on one engine, by tiles. Used by one thread at a time.

    Args:
        most_px: largest tile in pixels; by default what keeps a tile's working memory in the CPU's caches. A model that looks at the
            whole frame gets it in one piece, whatever is said here.

    Raises:
        EngineCompileFailed: the engine cannot load the model.
        ModelIncompatible: the model lacks the precision that the engine was made for.
    """

    def __init__(self, model: Model, engine: Engine, size: Size, *, most_px: int | None = None) -> None:
        manifest = model.manifest
        if manifest.whole_frame:
            most_px = sys.maxsize
        elif most_px is None:
            most_px = int(TILE_WORKING_BYTES / manifest.working_bytes_per_px)
        self.size = size
        self.plan: TilePlan = plan_tiles(size, manifest.input.multiple_px, manifest.halo_px, most_px)
        self._mosaic = Mosaic(self.plan)
        self._network = engine.compile(model, self.plan.tile)
        self.precision: Precision = self._network.precision

    def sharpen(self, pixels: Pixels, strength: float = 1.0) -> Pixels:
        """Returns a sharpened copy.

        Args:
            pixels: (H, W, 3) uint8 RGB, C-contiguous, of this restorer's size.
            strength: 0 returns `pixels` itself, untouched; 1 is all that the network does; between them the two are mixed.

        Raises:
            EngineInferenceFailed: the engine gave up.
            ValueError: the size is another one.
        """
        if Size.of(pixels) != self.size:
            raise ValueError(f"this restorer is for {self.size}, not {Size.of(pixels)}")
        if strength <= 0:
            return pixels
        sharp = self._mosaic.assemble(self._network.infer, pixels)
        if strength >= 1:
            return sharp
        return cv2.addWeighted(sharp, strength, pixels, 1 - strength, 0, dst=sharp)  # pyright: ignore[reportReturnType]
