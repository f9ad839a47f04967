"""What the user chose, kept between starts in one readable TOML file."""

import os
import tempfile
import tomllib
from pathlib import Path
from typing import Literal

import platformdirs
import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sharpen_core.crispness import USUAL_CRISPNESS
from sharpen_core.errors import SettingsError
from sharpen_core.frame import Size
from sharpen_core.model_store import APP_NAME

Show = Literal["split", "before", "after"]

SESSION_FIELDS = ("camera", "camera_path", "size", "fps", "model", "engine", "cpu_percent")
"""Changing one of these needs a new session; the others take effect at once."""


class Settings(BaseModel):
    """Every choice that outlives the program.

    Attributes:
        camera: what to capture: a camera's name, "test" for the test picture, or the path of a clip; None for the first camera.
        camera_path: the lasting path of that camera: of several with its name, the one there is meant.
        size: such as "1280x720"; None leaves it to the camera.
        fps: frames per second to ask the camera for.
        model: name of the model; None for the best one that the machine can hold.
        engine: what runs the network.
        strength: 0 is off, 1 is all that can be done.
        crispness: how much to raise the contrast of fine detail, on top of what the network does.
        cpu_percent: how much of the machine the program may use.
        mirror: flip what others see.
        pause: rest while the window is hidden and nobody watches.
        show: what the preview shows.
        split: where the preview is split, 0 at its left edge, 1 at its right.
        geometry: where the window was, as Qt writes it, in base64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    camera: str | None = None
    camera_path: str | None = None
    size: str | None = None
    fps: float = Field(default=30.0, ge=1, le=240)
    model: str | None = None
    engine: Literal["auto", "openvino", "onnxruntime", "identity"] = "auto"
    strength: float = Field(default=1.0, ge=0, le=1)
    crispness: float = Field(default=USUAL_CRISPNESS, ge=0, le=1)
    cpu_percent: int = Field(default=50, ge=5, le=100)
    mirror: bool = False
    pause: bool = True
    show: Show = "split"
    split: float = Field(default=0.5, ge=0, le=1)
    geometry: str = ""

    @field_validator("size")
    @classmethod
    def _is_a_size(cls, value: str | None) -> str | None:
        return None if value is None else str(Size.parse(value))

    def changed(self, **changes: object) -> "Settings":
        """Returns a checked copy with some fields changed.

        Raises:
            ValidationError: a field does not exist or its value is not allowed.
        """
        return Settings.model_validate({**self.model_dump(), **changes})

    def needs_new_session(self, other: "Settings") -> bool:
        """Whether going from this to `other` needs a new session."""
        return any(getattr(self, field) != getattr(other, field) for field in SESSION_FIELDS)


def default_settings_path() -> Path:
    """The user's settings file; it need not exist."""
    return platformdirs.user_config_path(APP_NAME) / "settings.toml"


def load_settings(path: Path) -> tuple[Settings, SettingsError | None]:
    """Reads the settings; the program always gets some.

    Returns:
        The settings, and an error if the file could not be used: then they are the defaults, and a damaged file was
        kept beside as `settings.toml.bad`, which the error's hint names.
    """
    try:
        return Settings.model_validate(tomllib.loads(path.read_text("utf-8"))), None
    except FileNotFoundError:
        return Settings(), None
    except (ValidationError, ValueError) as error:  # broken TOML and broken UTF-8 are ValueErrors
        return Settings(), _damaged(path, error)
    except OSError as error:
        message = f"the settings file {path} cannot be read: {error.strerror}"
        return Settings(), SettingsError(message, "The usual settings are used for now.")


def save_settings(path: Path, settings: Settings) -> None:
    """Writes the settings so that the file is always whole: the old one or the new one.

    Raises:
        SettingsError: the file cannot be written; the old one is unchanged.
    """
    text = tomli_w.dumps(settings.model_dump(exclude_none=True))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(
            f"the settings cannot be saved to {path}: {error.strerror}", "They hold until the program ends. Check the folder's permissions."
        ) from error


def _damaged(path: Path, cause: Exception) -> SettingsError:
    """Moves the damaged file out of the way and says so."""
    message = f"the settings file is damaged: {_reason(cause)}"
    kept = _free_name(path)
    try:
        os.replace(path, kept)
    except OSError:
        return SettingsError(message, f"The usual settings are used. {path} could not be moved away.")
    return SettingsError(message, f"The usual settings are used. The damaged file was kept as {kept}.")


def _free_name(path: Path) -> Path:
    """The first of settings.toml.bad, .bad.2, .bad.3 and so on that does not exist."""
    number = 1
    while True:
        kept = path.with_name(f"{path.name}.bad" + (f".{number}" if number > 1 else ""))
        if not kept.exists():
            return kept
        number += 1


def _reason(cause: Exception) -> str:
    if isinstance(cause, ValidationError):
        first = cause.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(cause).splitlines()[0]
