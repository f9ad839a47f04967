"""One frame in, one sharpened frame out."""

import math
import sys
from collections.abc import Callable

import cv2

from sharpen_core.crispness import Crispener
from sharpen_core.engines.base import Engine, Network, Precision
from sharpen_core.frame import Pixels, Size
from sharpen_core.gauge import Floats, FrameGauge, share_to_add
from sharpen_core.model_store import Model
from sharpen_core.reuse.shapes import Networks
from sharpen_core.reuse.temporal import Patchwork, layout_for
from sharpen_core.specialists import Specialists
from sharpen_core.tiling import TILE_WORKING_BYTES, Mosaic, TilePlan, plan_tiles

LEAST_AREA = 0.05
SMALL_SHARE = 1 / 8  # of the frame: parts of up to that are computed side by side


class Restorer:
    """Sharpens frames of one size with one model on one engine, by tiles. Used by one thread at a time.

    Args:
        most_px: largest tile in pixels; by default what keeps a tile's working memory in the CPU's caches. A model that looks at the
            whole frame gets it in one piece, whatever is said here.
        reuse: whether parts that do not change beyond the sensor's noise keep what the network added to them, so that a still
            background costs next to nothing. For frames that follow each other in time. A model that looks at the whole frame
            computes all of it nevertheless.
        prompt: whether no frame may wait for the weights that fit its softness, where a model has several: those in force go on until
            the others are loaded.

    Raises:
        EngineCompileFailed: the engine cannot load the model.
        ModelIncompatible: the model lacks the precision that the engine was made for.
    """

    def __init__(
        self, model: Model, engine: Engine, size: Size, *, most_px: int | None = None, reuse: bool = False, prompt: bool = False
    ) -> None:
        manifest = model.manifest
        if manifest.whole_frame:
            most_px = sys.maxsize
        elif most_px is None:
            most_px = int(TILE_WORKING_BYTES / manifest.working_bytes_per_px)
        self.size = size
        self.plan: TilePlan = plan_tiles(size, manifest.input.multiple_px, manifest.halo_px, most_px)
        self._mosaic = Mosaic(self.plan)
        gauge = model.gauge()
        self._gauge = FrameGauge(gauge) if gauge else None
        self._mtf: Floats | None = None
        self._crispener = Crispener(size, engine.threads)
        self._specialists = Specialists(model, lambda chosen, shape, users: engine.compile(chosen, shape, users=users), wait=not prompt)
        self._network = self._compiled(self.plan.tile)
        self.precision: Precision = self._network.precision
        self._area = 1.0
        self._reuse = reuse and not manifest.whole_frame
        self._layout = layout_for(size, manifest.input.multiple_px, manifest.halo_px)
        small_px = int(SMALL_SHARE * math.prod(size))
        self._networks = Networks(self._compiled, threads=engine.threads, small_px=small_px)
        self._whole_only = manifest.whole_frame
        self._patchwork: Patchwork | None = None
        self._computed_px = 0

    @property
    def area(self) -> float:
        """Share of the frame's pixels that is sharpened: 1 for all, otherwise the part around whoever moves, fading out softly.

        May be set between frames; what is below a twentieth counts as a twentieth.
        """
        return self._area

    @area.setter
    def area(self, share: float) -> None:
        self._area = min(1.0, max(LEAST_AREA, share))

    @property
    def crispness(self) -> float:
        """How much the contrast of fine detail is raised on top of what the network does, 0 (not at all) to 1; see `crispness.py`.

        May be set between frames.
        """
        return self._crispener.crispness

    @crispness.setter
    def crispness(self, share: float) -> None:
        if share != self._crispener.crispness and self._patchwork:
            self._patchwork.outdate()
        self._crispener.crispness = share

    @property
    def mtf(self) -> Floats | None:
        """What is known of how soft the frames are, (BANDS,); None if the model is not told that."""
        return self._mtf

    @property
    def computed_share(self) -> float:
        """Pixels that the network computed for the last frame, as a share of the frame's; above 1 where tiles overlap."""
        return self._computed_px / math.prod(self.size)

    @property
    def spared(self) -> bool:
        """Whether the last frame was sharp already, so that the network was not asked."""
        return self._mtf is not None and share_to_add(self._mtf) == 0

    @property
    def loading(self) -> bool:
        """Whether a network for parts of the frame, or one with other weights, is being compiled in the background."""
        return self._networks.loading or self._specialists.loading

    def asked_for(self, area: float) -> float:
        """Share of a whole frame's work, 0 to 1, that the last frame asks for if this area of it is to be sharpened."""
        return area if self._patchwork is None else self._patchwork.asked_for(min(1.0, max(LEAST_AREA, area)))

    def forget(self) -> None:
        """The next frame has nothing to do with those before."""
        if self._gauge:
            self._gauge.forget()
        self._specialists.forget()
        self._crispener.forget()
        self._patchwork = None

    def sharpen(self, pixels: Pixels, strength: float = 1.0) -> Pixels:
        """Returns a sharpened copy.

        Args:
            pixels: (H, W, 3) uint8 RGB, C-contiguous, of this restorer's size.
            strength: 0 returns `pixels` itself, untouched; 1 is all that is made of them; between them the two are mixed.

        Raises:
            EngineInferenceFailed: the engine gave up.
            ValueError: the size is another one.
        """
        if Size.of(pixels) != self.size:
            raise ValueError(f"this restorer is for {self.size}, not {Size.of(pixels)}")
        self._computed_px = 0
        if strength <= 0:
            return pixels
        if self._gauge:
            before, self._mtf = self._mtf, self._gauge.look(pixels)
            has_changed = self._specialists.tell(self._mtf) or self._mtf is not before
            if self._patchwork and has_changed:
                self._patchwork.hurry()
        self._crispener.look(pixels)
        sharp = self._in_parts(pixels) if self._reuse or self._area < 1 else self._whole(pixels)
        return sharp if strength >= 1 else mixed(sharp, pixels, strength)

    def _compiled(self, shape: Size, users: int = 1) -> Network:
        return _Finished(self._specialists.compile(shape, users), lambda: self._mtf, self._crispener)

    def _whole(self, pixels: Pixels) -> Pixels:
        self._computed_px += self.plan.count * math.prod(self.plan.tile)
        return self._mosaic.assemble(self._network.infer, pixels)

    def _in_parts(self, pixels: Pixels) -> Pixels:
        if self._patchwork is None:
            self._patchwork = Patchwork(
                self._layout, self._networks, self._whole, reuse=self._reuse, parts=not self._whole_only, plain=self._crispener.cut
            )
        sharp = self._patchwork.sharpen(pixels, self._area)
        self._computed_px += self._patchwork.computed_px
        return sharp


class _Finished:
    """A network that is told, at every picture, what is known of the frame, is spared sharp ones, and whose results are crispened."""

    def __init__(self, network: Network, known: Callable[[], Floats | None], crispener: Crispener) -> None:
        self._network, self._known, self._crispener = network, known, crispener
        self.precision: Precision = network.precision

    def infer(self, pixels: Pixels, mtf: Floats | None = None) -> Pixels:
        """See `Network.infer`."""
        mtf = self._known() if mtf is None else mtf
        share = 1.0 if mtf is None else share_to_add(mtf)
        if share == 0:
            return self._crispener.apply(pixels.copy())
        result = self._network.infer(pixels, mtf)
        return self._crispener.apply(mixed(result, pixels, share) if share < 1 else result)


def mixed(sharp: Pixels, pixels: Pixels, share: float) -> Pixels:
    """Returns `share` of the one picture and the rest of the other, newly made."""
    return cv2.addWeighted(sharp, share, pixels, 1 - share, 0)  # pyright: ignore[reportReturnType]  # OpenCV keeps uint8
