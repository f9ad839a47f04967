"""`setup` on whichever system this is."""

from sharpened_camera.camera_setup.errors import SetupError
from sharpened_camera.camera_setup.guides import set_up_mac, set_up_windows
from sharpened_camera.camera_setup.linux import Surroundings, Wish, set_up


def set_up_here(wish: Wish, around: Surroundings) -> None:
    """Does what the user wishes.

    Raises:
        SetupError: it cannot be done, was not allowed, or did not work.
    """
    match around.computer.name:
        case "Linux":
            set_up(wish, around)
        case "Windows":
            set_up_windows(wish, around)
        case "Darwin":
            set_up_mac(wish, around)
        case name:
            raise SetupError(f"no virtual camera is known for {name}", "record to a file instead")
