"""How a device that was lost is opened again: when to try, and how to say what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from sharpen_core.errors import CameraBusy, CameraError, CameraNotFound, CameraUnplugged
from sharpen_core.placeholder import Standby

RETRIES_S = (0.25, 0.5, 1.0, 2.0)
_LOOK_EVERY_S = 1.0  # looking for a device that is not there costs next to nothing, and it has to be live soon after it is plugged in


class Backoff:
    """The pauses between tries: short at first, for a loose plug, then longer, for a device that stays away."""

    def __init__(self, retries_s: Sequence[float] = RETRIES_S) -> None:
        self._retries_s = retries_s
        self._tries = 0

    def next_s(self, *, absent: bool = False) -> float:
        """Seconds until the next try; the last pause repeats. `absent`: the device is not there, so that a try is cheap."""
        pause_s = self._retries_s[min(self._tries, len(self._retries_s) - 1)]
        self._tries += 1
        return min(pause_s, _LOOK_EVERY_S) if absent else pause_s

    def restart(self) -> None:
        """The device works: the next loss begins with the short pauses again."""
        self._tries = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """What is wrong with a camera, for the user (message, hint) and for those who see the outputs (standby)."""

    message: str
    hint: str
    standby: Standby


UNPLUGGED = Standby("Camera unplugged", "Plug it in again: the picture comes back by itself.")
SILENT = Standby("No picture from the camera", "If it does not come back by itself, unplug the camera and plug it in again.")


def describe_loss(name: str, error: CameraError) -> Loss:
    """Words for why the camera `name` delivers no frames, or cannot be opened again."""
    if isinstance(error, CameraUnplugged | CameraNotFound):  # the one from reading, the other from opening again: one loss
        return Loss(f"the camera '{name}' was unplugged", "Plug it in again: it is then used again by itself", UNPLUGGED)
    if isinstance(error, CameraBusy):
        standby = Standby("Camera in use by another program", "Close that program: the picture comes back by itself.")
        return Loss(error.message, "Close that program, or choose another camera", standby)
    return Loss(error.message, error.hint, Standby(SILENT.title, f"{error.hint}." if error.hint else SILENT.detail))
