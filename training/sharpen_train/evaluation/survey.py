"""A blind survey: a static page on which people rate pictures from 1 to 5 without knowing where they come from.

Every scene is shown as input, as each network leaves it, and as truth (the hidden reference of ITU-T P.910), one at a time, in an
order that is drawn anew for each rater. The page names its pictures by random numbers; what they stand for is in `key.json`, which
stays with whoever made the survey:

    OUT/page/index.html, OUT/page/pictures/*.png    to hand out; works from a folder, without a server
    OUT/key.json                                    to tally the answers with
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict

from sharpen_core.draft import unwritable
from sharpen_train.degradations import Preset, find_preset
from sharpen_train.errors import ConfigError
from sharpen_train.evaluation.subjects import Subject, find_subjects
from sharpen_train.metrics import Picture

INPUT, TRUTH = "input", "truth"
CROP_PX = (360, 480)
CONTEXT_PX = 64  # around the crop, so that neither blur nor network sees an edge that the person does not
PLACES = 16  # how many places of a picture are tried for one with something to see in it
KEY, PAGE = "key.json", "page"
_TEMPLATE = Path(__file__).with_name("survey_page.html")
_SLOT = "__SURVEY__"

Restore = Callable[[Picture], Picture]


@dataclass(frozen=True)
class SurveyOptions:
    """What is shown.

    Attributes:
        pictures: how many scenes, each from another picture; fewer if there are not so many.
        presets: names of degradations; the scenes take them in turn.
        seed: of scenes, places and degradations; the numbers that hide the names are never drawn from it.
    """

    pictures: int = 8
    presets: Sequence[str] = ("heavy", "webcam")
    seed: int = 0


class Shown(BaseModel):
    """What one picture of the page is.

    Attributes:
        system: "input", "truth" or the name of a network.
        scene: number of the scene.
        picture: file that the scene is cut from.
        preset: how the input was made soft.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    scene: int
    picture: str
    preset: str


class Key(BaseModel):
    """What `key.json` holds: the systems in the order of tables, and what each picture of the page is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    survey: str
    systems: list[str]
    pictures: dict[str, Shown]


@dataclass(frozen=True)
class _Exhibit:
    shown: Shown
    pixels: Picture


def make_survey(systems: Mapping[str, Restore], data: Path, out: Path, options: SurveyOptions, progress: Callable[[str], None]) -> Key:
    """Writes the page and its key.

    Args:
        systems: the networks by name; each maps (H, W, 3) uint8 RGB to the same.
        data: sharp pictures, or a prepared dataset.
        out: a folder that holds no survey yet.
        options: what is shown.
        progress: told each scene's picture when it is done.

    Raises:
        ConfigError: the folder holds a survey, a name is taken, or a preset does not exist.
        DataError: there are no pictures, or one cannot be read.
        OutputUnwritable: the folder cannot be written to.
    """
    if taken := {INPUT, TRUTH} & set(systems):
        raise ConfigError(f"a network cannot be called '{taken.pop()}'", "Rename its folder")
    if any((out / name).exists() for name in (PAGE, KEY)):
        raise ConfigError(f"{out} holds a survey already", "Its answers would belong to no key any more: choose another folder")
    presets = [find_preset(name) for name in options.presets]
    exhibits = list(_exhibits(systems, find_subjects(data), presets, options, progress))
    secrets.SystemRandom().shuffle(exhibits)  # neither the page's order nor the files' dates tell what is what
    named = {secrets.token_hex(8): exhibit for exhibit in exhibits}
    pictures = {name: exhibit.shown for name, exhibit in named.items()}
    key = Key(survey=secrets.token_hex(8), systems=[INPUT, *systems, TRUTH], pictures=pictures)
    try:
        _write(out, key, {name: exhibit.pixels for name, exhibit in named.items()})
    except OSError as exc:
        raise unwritable(out, exc) from exc
    return key


def _exhibits(
    systems: Mapping[str, Restore],
    subjects: Sequence[Subject],
    presets: Sequence[Preset],
    options: SurveyOptions,
    progress: Callable[[str], None],
) -> Iterator[_Exhibit]:
    """Every scene in every version."""
    rng = np.random.default_rng(options.seed)
    singles = [subject for subject in subjects if subject.blurred is None]
    chosen = sorted(rng.permutation(len(singles))[: options.pictures])
    for scene, place in enumerate(chosen):
        subject, preset = singles[place], presets[scene % len(presets)]
        truth, inner = _cut(subject.load().truth, rng)
        soft = preset.apply(truth, rng)
        versions = {INPUT: soft, **{name: restore(soft) for name, restore in systems.items()}, TRUTH: truth}
        for name, version in versions.items():
            shown = Shown(system=name, scene=scene, picture=subject.name, preset=preset.name)
            yield _Exhibit(shown, np.ascontiguousarray(version[inner]))
        progress(f"{scene + 1}/{len(chosen)} {subject.name}, {preset.name}")


def _cut(truth: Picture, rng: np.random.Generator) -> tuple[Picture, tuple[slice, slice]]:
    """Returns a place of the picture with its surroundings, and where in these the place is: of some random ones that with most detail."""
    height, width = truth.shape[:2]
    sides = min(height, CROP_PX[0]), min(width, CROP_PX[1])
    detail = np.abs(cv2.Laplacian(cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY), cv2.CV_32F))
    corners = [
        tuple(int(rng.integers(0, whole - side + 1)) for whole, side in zip((height, width), sides, strict=True)) for _ in range(PLACES)
    ]
    top, left = max(corners, key=lambda corner: float(detail[corner[0] : corner[0] + sides[0], corner[1] : corner[1] + sides[1]].mean()))
    above, before = max(0, top - CONTEXT_PX), max(0, left - CONTEXT_PX)
    around = truth[above : top + sides[0] + CONTEXT_PX, before : left + sides[1] + CONTEXT_PX]
    inner = slice(top - above, top - above + sides[0]), slice(left - before, left - before + sides[1])
    return np.ascontiguousarray(around), inner


def _write(out: Path, key: Key, pixels: Mapping[str, Picture]) -> None:
    folder = out / PAGE / "pictures"
    folder.mkdir(parents=True)
    for name, picture in pixels.items():
        _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        (folder / f"{name}.png").write_bytes(data.tobytes())
    (out / PAGE / "index.html").write_text(_page(key, pixels), encoding="utf-8")
    (out / KEY).write_text(key.model_dump_json(indent=1), encoding="utf-8")


def _page(key: Key, pixels: Mapping[str, Picture]) -> str:
    """The page: it knows the pictures' random names, sizes, and which show the same scene, but of no system."""
    pictures = [
        {"id": name, "scene": shown.scene, "width": pixels[name].shape[1], "height": pixels[name].shape[0]}
        for name, shown in key.pictures.items()
    ]
    return _TEMPLATE.read_text(encoding="utf-8").replace(_SLOT, json.dumps({"survey": key.survey, "pictures": pictures}))
