"""The degradations by name."""

from dataclasses import dataclass

import numpy as np

from sharpen_train.degradations.codec import H264, Mjpeg, Raw
from sharpen_train.degradations.isp import Oversharpening, Smear
from sharpen_train.degradations.motion import Motion, Movement, Shake
from sharpen_train.degradations.optics import Defocus, LensBlur
from sharpen_train.degradations.published import ANY, LEVELS, PUBLISHED_JPEG_QUALITY, Jpeg, Level, PublishedBlur, WhiteNoise
from sharpen_train.degradations.resampling import Resized
from sharpen_train.degradations.sensor import Sensor
from sharpen_train.degradations.stages import OneOf, Picture, Scene, Sharp, Sometimes, Stage, describe_all, run_all
from sharpen_train.errors import ConfigError, did_you_mean

_NOTHING_ELSE_SHARE = 0.5  # of what moves


@dataclass(frozen=True)
class Softened:
    """What a preset made of a picture.

    Attributes:
        soft: (H, W, 3) uint8 RGB, a new array.
        moved: the truth with nothing but the movement in it, against which softness is measured; the truth itself where nothing moved.
        drawn: what was drawn, in a few characters for each stage.
    """

    soft: Picture
    moved: Picture
    drawn: list[str]


@dataclass(frozen=True)
class Preset:
    """A named way to make a sharp picture soft; immutable and picklable.

    Attributes:
        name: what options and configuration files call it.
        title: one line about it.
        stages: what happens, in this order.
        identity_share: share of pictures that come back untouched, so that a network learns to leave sharp ones alone.
        movement: what happens before the stages, to a part of each picture or to the whole of it.
        moving_share: share of the other pictures in which it does; in half of them nothing else happens.
    """

    name: str
    title: str
    stages: tuple[Stage, ...]
    identity_share: float = 0.0
    movement: Stage | None = None
    moving_share: float = 0.0

    def apply(self, truth: Picture, rng: np.random.Generator) -> Picture:
        """Returns a soft version of `truth`, (H, W, 3) uint8 RGB; a new array.

        The picture ends at its edges: blurs mirror it there. Cut a margin off both when that matters.
        """
        return self.soften(truth, rng).soft

    def soften(self, truth: Picture, rng: np.random.Generator) -> Softened:
        """Returns what `apply` returns, and how it came about."""
        if self.identity_share and rng.random() < self.identity_share:
            return Softened(truth.copy(), truth, ["untouched"])
        trace: list[str] = []
        moved, stages = truth, self.stages
        if self.movement and rng.random() < self.moving_share:
            moved = self.movement.run(truth, rng, trace)
            stages = () if rng.random() < _NOTHING_ELSE_SHARE else stages
        soft = run_all(stages, moved, rng, trace)
        return Softened(soft.copy() if soft is truth else soft, moved, trace or ["untouched"])

    def describe(self) -> dict[str, str]:
        """Returns what the preset does by topic ("blur", "noise", "compression"...), in plain words for cards."""
        words = describe_all(self.stages)
        if self.movement:
            words |= {topic: f"{self.moving_share:.0%}: {said}" for topic, said in self.movement.describe().items()}
        if self.identity_share:
            words["untouched"] = f"{self.identity_share:.0%} of all"
        return words


def find_preset(name: str) -> Preset:
    """Returns the preset of this name.

    Raises:
        ConfigError: there is none.
    """
    if name in PRESETS:
        return PRESETS[name]
    raise ConfigError(f"there is no degradation called {name!r}", did_you_mean(name, PRESETS))


def _published() -> list[Preset]:
    presets: list[Preset] = []
    for name, level in LEVELS.items():
        blur = PublishedBlur(name, level)
        presets += [
            Preset(name, f"published level {name}", (blur,)),
            Preset(f"{name}-jpeg", f"{name}, then JPEG of quality 50-95 as in our evaluation", (blur, Jpeg())),
            Preset(f"{name}-jpeg-published", f"{name}, then JPEG of quality 30-60 as published", (blur, Jpeg(PUBLISHED_JPEG_QUALITY))),
            Preset(f"{name}-noise", f"{name}, then noise", (blur, WhiteNoise())),
            Preset(f"{name}-jpeg-noise", f"{name}, then noise, then JPEG of quality 50-95", (blur, WhiteNoise(), Jpeg())),
        ]
    return presets


_ANY = PublishedBlur("any", ANY)
_BALANCED: tuple[tuple[float, Stage], ...] = (*((0.25, PublishedBlur(name, level)) for name, level in LEVELS.items()), (0.25, _ANY))
_ALSO_SHARP = OneOf((*_BALANCED, (0.06, Sharp())))
_MIXED = (
    Preset("any", "any softness from nearly none to a little beyond heavy", (_ANY,)),
    Preset("mixed", "the published levels and any softness between them, balanced", (OneOf(_BALANCED),), 0.12),
    Preset(
        "mixed-jpeg-noise",
        "mixed, with noise and JPEG on part of it",
        (_ALSO_SHARP, Sometimes(0.25, WhiteNoise()), Sometimes(0.5, Jpeg((40, 95)))),
        0.12,
    ),
    Preset("identity", "nothing: the sharp picture itself", ()),
)

_COMPLEX = Preset(
    "complex",
    "mixed, optics, motion, both kinds of noise, camera processing and codecs",
    (
        OneOf((*_BALANCED, (0.2, LensBlur((0.4, 1.4))), (0.2, Defocus((0.5, 2.5))), (0.2, Resized((0.45, 0.95))), (0.06, Sharp()))),
        Sometimes(0.15, OneOf(((0.5, Motion((1.5, 6))), (0.5, Shake((2, 7)))))),
        Sometimes(0.4, OneOf(((0.4, WhiteNoise()), (0.6, Sensor((300, 6000)))))),
        Sometimes(0.2, Smear((3, 15))),
        Sometimes(0.25, Oversharpening((0.3, 1.5))),
        Sometimes(0.65, OneOf(((0.5, Jpeg((40, 95))), (0.2, Mjpeg((40, 95))), (0.3, H264((20, 34)))))),
    ),
    0.12,
)

# Three rooms: what is dark is noisy, hence filtered more, exposed longer and compressed worse, all at once. The ranges were
# set beside frames of real office webcams: flat parts nearly without noise, texture smeared, outlines crisp from sharpening.
_BRIGHT_ROOM = Scene(
    "bright room",
    (
        OneOf(((0.5, LensBlur((0.3, 0.6))), (0.15, Defocus((0.5, 1.1))), (0.35, Sharp()))),
        Resized(
            (0.85, 1.35),
            (
                Sometimes(0.8, Sensor((2000, 12000))),
                Sometimes(0.65, Smear((3, 12), (0.4, 1.2))),
                Sometimes(0.75, Oversharpening((0.4, 2.0), (0.6, 1.3), (8, 40))),
            ),
        ),
        OneOf(((0.25, Raw()), (0.4, Mjpeg((70, 95))), (0.35, H264((18, 28))))),
    ),
)
_ORDINARY_ROOM = Scene(
    "ordinary room",
    (
        OneOf(((0.55, LensBlur((0.4, 0.9))), (0.3, Defocus((0.6, 1.8))), (0.15, Sharp()))),
        Sometimes(0.1, OneOf(((0.7, Motion((1.5, 5))), (0.3, Shake((2, 5)))))),
        Resized(
            (0.65, 1.25),
            (
                Sensor((600, 4000)),
                Sometimes(0.9, Smear((8, 22))),
                Sometimes(0.8, Oversharpening((0.5, 2.5), (0.6, 1.5), (10, 45))),
            ),
        ),
        OneOf(((0.15, Raw()), (0.4, Mjpeg((55, 92))), (0.45, H264((22, 31))))),
    ),
)
_DARK_ROOM = Scene(
    "dark room",
    (
        OneOf(((0.6, LensBlur((0.5, 1.2))), (0.4, Defocus((0.7, 2.4))))),
        Sometimes(0.3, OneOf(((0.7, Motion((2, 7))), (0.3, Shake((2, 7)))))),
        Resized(
            (0.5, 1.0),
            (
                Sensor((150, 800)),
                Sometimes(0.92, Smear((14, 34), (1.5, 4.0))),
                Sometimes(0.7, Oversharpening((0.4, 2.0), (0.8, 1.6), (10, 45))),
            ),
        ),
        OneOf(((0.1, Raw()), (0.45, Mjpeg((40, 85))), (0.45, H264((24, 35))))),
    ),
)
_WEBCAM = Preset(
    "webcam",
    "a laptop's camera: lens, sensor, noise filter, sharpening, compression, in bright and dark rooms",
    (OneOf(((0.45, _BRIGHT_ROOM), (0.35, _ORDINARY_ROOM), (0.2, _DARK_ROOM))),),
    0.12,
)

_SLIGHTLY_SOFT = PublishedBlur("slightly soft", Level((1.0, 1.4), (0.2, 0.7)))
_LEVELS = Preset(
    "levels",
    "the published levels and any softness between them, more of the slight, with noise and JPEG on part of it",
    (
        OneOf((*_BALANCED, (0.1, PublishedBlur("low", LEVELS["low"])), (0.15, _SLIGHTLY_SOFT))),
        Sometimes(0.15, WhiteNoise()),
        Sometimes(0.45, Jpeg((40, 95))),
    ),
    0.12,
)

# A network is best at what it saw last, so what ends a training has everything in it. Webcams have the smaller share: undoing their
# sharpening and their noise filter teaches a network to soften crisp edges, which costs the published levels up to 5 dB on screens.
_EVERYDAY = Preset(
    "everyday",
    "mostly the published levels and any softness between them, with webcams and everything of 'complex'",
    (OneOf(((0.8, Scene("levels", _LEVELS.stages)), (0.12, Scene("webcam", _WEBCAM.stages)), (0.08, Scene("complex", _COMPLEX.stages)))),),
    0.12,
)
_MOVING = Preset(
    "moving", "everyday, where something moves in a third", _EVERYDAY.stages, _EVERYDAY.identity_share, Movement((2, 40)), moving_share=0.35
)

PRESETS = {preset.name: preset for preset in (*_published(), *_MIXED, _COMPLEX, _WEBCAM, _LEVELS, _EVERYDAY, _MOVING)}
