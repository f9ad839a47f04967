"""Which camera is the same one again, after it was unplugged and plugged in: seldom the one with the same number."""

import os
from collections.abc import Callable

from sharpen_core.capture.devices import CameraDevice, describe_cameras, list_cameras
from sharpen_core.errors import CameraNotFound


class Identity:
    """Remembers one camera. Used by one thread.

    Args:
        device: the camera as it was found first.
        cameras: lists those that are plugged in.
    """

    def __init__(self, device: CameraDevice, cameras: Callable[[], list[CameraDevice]] = list_cameras) -> None:
        self._cameras = cameras
        self._name = device.name
        self._path = device.stable_path
        self._others: set[str] = set()

    def note(self, device: CameraDevice) -> None:
        """Takes a closer look while the camera works: at its path, and at cameras that only look like it."""
        self._name, self._path = device.name, device.stable_path
        if device.path.startswith("/dev/"):  # elsewhere paths last, and listing cameras is slow
            own = os.path.realpath(device.path)
            self._others = {camera.stable_path for camera in self._cameras() if os.path.realpath(camera.path) != own}

    def find(self) -> CameraDevice:
        """The camera as it is plugged in now: by its path and name, else, in another socket, by its name alone.

        Raises:
            CameraNotFound: it is not there. A second camera of its name that was there all along is not taken for it.
        """
        cameras = self._cameras()
        alike = [camera for camera in cameras if camera.name == self._name]
        same = [camera for camera in alike if camera.stable_path == self._path]
        moved = [camera for camera in alike if camera.stable_path not in self._others]
        for camera in same + moved:
            return camera
        raise CameraNotFound(f"the camera '{self._name}' is not there any more", describe_cameras(cameras))
