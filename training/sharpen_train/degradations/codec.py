"""What transmission does: coarse chroma, MJPEG, and H.264 that is really encoded and decoded."""

from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.codec.codec import UnknownCodecError
from numpy.typing import NDArray

from sharpen_train.degradations.stages import Picture, Range, span
from sharpen_train.errors import MissingExtraError

SUBSAMPLINGS = {"4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422, "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420}
_X264_OPTIONS = {
    "preset": "veryfast",  # the cheapest that deblocks and searches half pixels as cameras do; faster ones save nothing at this size
    "tune": "zerolatency",
    # Fast skipping would leave slowly moving parts up to half a pixel behind: soft and sharp would no longer lie on each other.
    "x264-params": "scenecut=0:no-fast-pskip=1:log-level=none",
}
_SMALLEST_PX = 16  # a macroblock


def mjpeg(picture: Picture, quality: int, subsampling: str) -> Picture:
    """Returns the picture as a camera's MJPEG stream would bring it; `subsampling` is one of `SUBSAMPLINGS`."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SUBSAMPLINGS[subsampling]]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def coarse_chroma(picture: Picture, subsampling: str) -> Picture:
    """Returns the picture after chroma of half the width ("4:2:2"), and half the height too ("4:2:0"), as raw streams have it."""
    planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
    height, width = picture.shape[:2]
    rows = height if subsampling == "4:2:2" else max(1, height // 2)
    small = cv2.resize(planes, (max(1, width // 2), rows), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    coarse[:, :, 0] = planes[:, :, 0]
    return np.asarray(cv2.cvtColor(coarse, cv2.COLOR_YCrCb2RGB), np.uint8)


def h264(pictures: list[Picture], crf: float) -> Picture:
    """Returns the last of the pictures after they were encoded as one H.264 stream: a key frame, then predicted ones.

    One encoder thread, so that the same pictures give the same bytes on every run.

    Args:
        pictures: consecutive frames, each (H, W, 3) uint8 RGB.
        crf: x264's constant rate factor: about 20 is good, 40 is very bad.

    Raises:
        MissingExtraError: PyAV was built without x264.
    """
    height, width = pictures[0].shape[:2]
    below, beside = _padding(height), _padding(width)
    planes = [_i420(picture, below, beside) for picture in pictures]
    return _from_i420(_transcoded(planes, width + beside, height + below, crf))[:height, :width]


def _padding(side_px: int) -> int:
    return max(_SMALLEST_PX - side_px, side_px % 2)


def _transcoded(planes: list[NDArray[np.uint8]], width: int, height: int, crf: float) -> NDArray[np.uint8]:
    try:
        encoder = av.VideoCodecContext.create("libx264", "w")
    except UnknownCodecError as error:
        raise MissingExtraError("PyAV has no x264 here", "Install the wheel: pip install --force-reinstall --only-binary av av") from error
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 30), 1
    encoder.options = {**_X264_OPTIONS, "crf": f"{crf:.1f}"}
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames: list[av.VideoFrame] = []
    for number, plane in enumerate(planes):
        frame = av.VideoFrame.from_ndarray(plane, format="yuv420p")
        frame.pts = number
        for packet in encoder.encode(frame):
            frames += decoder.decode(packet)
    for packet in encoder.encode(None):
        frames += decoder.decode(packet)
    frames += decoder.decode(None)
    return np.asarray(frames[-1].to_ndarray(), np.uint8)


def _i420(picture: Picture, below_px: int, beside_px: int) -> NDArray[np.uint8]:
    """Returns the planes, (H * 3/2, W), of a picture padded to even sides.

    Full range; chroma is averaged, which OpenCV's own conversion does not do.
    """
    picture = np.asarray(cv2.copyMakeBorder(picture, 0, below_px, 0, beside_px, cv2.BORDER_REPLICATE), np.uint8)
    height, width = picture.shape[:2]
    planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
    small = cv2.resize(planes, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    parts = [planes[:, :, 0].ravel(), small[:, :, 2].ravel(), small[:, :, 1].ravel()]
    return np.asarray(np.concatenate(parts).reshape(height * 3 // 2, width), np.uint8)


def _from_i420(planes: NDArray[np.uint8]) -> Picture:
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    blue, red = planes[height:].reshape(2, height // 2, width // 2)
    chroma = cv2.resize(np.dstack([red, blue]), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(np.dstack([planes[:height], chroma]), cv2.COLOR_YCrCb2RGB), np.uint8)


@dataclass(frozen=True)
class Raw:
    """An uncompressed stream: only chroma is coarse."""

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        subsampling = _draw_subsampling(rng)
        trace.append(f"raw {subsampling}")
        return coarse_chroma(picture, subsampling)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"compression": "none (4:2:2 or 4:2:0 chroma)"}


@dataclass(frozen=True)
class Mjpeg:
    """A camera's MJPEG stream.

    Attributes:
        quality: lowest and highest, both drawn.
    """

    quality: tuple[int, int]

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        quality, subsampling = int(rng.integers(self.quality[0], self.quality[1] + 1)), _draw_subsampling(rng)
        trace.append(f"mjpeg {quality} {subsampling}")
        return mjpeg(picture, quality, subsampling)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"compression": f"MJPEG of quality {span(self.quality)}"}


@dataclass(frozen=True)
class H264:
    """An H.264 stream: the picture is its last frame, the ones before it show it slightly moved.

    Attributes:
        crf: x264's constant rate factor.
        frames: number of frames, lowest and highest.
        motion_px: movement from frame to frame, in any direction; half of the streams stand still.
    """

    crf: Range
    frames: tuple[int, int] = (1, 3)
    motion_px: Range = (1.0, 4.0)

    def run(self, picture: Picture, rng: np.random.Generator, trace: list[str]) -> Picture:
        """See `Stage.run`."""
        crf, count = rng.uniform(*self.crf), int(rng.integers(self.frames[0], self.frames[1] + 1))
        angle, distance_px = rng.uniform(0, 2 * np.pi), rng.uniform(*self.motion_px) * (rng.random() < 0.5)
        step = distance_px * np.array([np.cos(angle), np.sin(angle)])
        trace.append(f"h264 crf {crf:.0f}, frame {count}")
        earlier = [_moved(picture, step * number) for number in range(count - 1, 0, -1)]
        return h264([*earlier, picture], crf)

    def describe(self) -> dict[str, str]:
        """See `Stage.describe`."""
        return {"compression": f"H.264 by x264 at crf {span(self.crf)}, frame {span(self.frames)}"}


def _draw_subsampling(rng: np.random.Generator) -> str:
    return "4:2:2" if rng.random() < 0.5 else "4:2:0"


def _moved(picture: Picture, by_px: NDArray[np.float64]) -> Picture:
    if not by_px.any():
        return picture
    move = np.array([[1, 0, by_px[0]], [0, 1, by_px[1]]])
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8)
