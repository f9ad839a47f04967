"""A clip file, played as if it were a camera."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sharpen_core.capture.base import CameraFormat, EndOfClip
from sharpen_core.capture.pace import Clock, Pace, Sleep
from sharpen_core.errors import CameraDisconnected, MediaNotFound, MediaUnreadable
from sharpen_core.frame import Pixels, Size
from sharpen_core.letterbox import letterbox

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_FALLBACK_FPS = 25.0
_LONGEST_STEP_S = 1.0  # a gap in the timestamps must not hold up a stop
_TRUNCATED_HINT = "The file seems to be cut off: copy or record it again"

_UNSPECIFIED_MATRIX = 2  # AVCOL_SPC_UNSPECIFIED
_BT601, _BT709 = 5, 1  # SWS_CS_ITU601, SWS_CS_ITU709
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG

_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


class ClipCamera:
    """Plays a clip by its timestamps, once or for ever.

    A frame of 1280x720 H.264 takes about 1.2 ms to decode and 0.3 to 1 ms to turn into RGB. Only one frame is held at a
    time. PyAV is imported by `open`.
    """

    def __init__(
        self,
        path: Path | str,
        size: Size | None = None,
        loop: bool = True,
        paced: bool = True,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        """Only remembers; `open` reads the file.

        Args:
            path: of the clip; anything that FFmpeg reads from one local file.
            size: to fit each frame into, with black bars where the shape differs; None keeps the clip's own.
            loop: whether to start again at the end.
            paced: whether `read` waits until the next frame is due; otherwise every frame comes as fast as it decodes.
            clock: monotonic seconds; for tests.
            sleep: waits for seconds; for tests.
        """
        self._path = Path(path)
        self._wanted = size
        self._loop = loop
        self._paced = paced
        self._pace = Pace(clock, sleep)
        self._showing: _Showing | None = None
        self._format: CameraFormat | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.name

    def open(self) -> CameraFormat:
        """Opens the file and decodes its first frame, which tells the true size.

        Raises:
            MediaNotFound: there is no such file.
            MediaUnreadable: it is not a clip, has no picture track, or its first frame is damaged.
        """
        self.close()
        self._showing = _Showing(self._path)
        try:
            own_size = Size.of(_to_rgb(self._showing.first))
        except CameraDisconnected as error:
            self.close()
            raise MediaUnreadable(error.message, error.hint) from error
        size = self._wanted or own_size
        self._format = CameraFormat(size, self._showing.fps, self._showing.codec)
        self._pace.restart()
        return self._format

    def read(self) -> Pixels:
        """Returns the next frame, when it is due: (H, W, 3) uint8 RGB, C-contiguous, owned by the caller.

        Raises:
            CameraDisconnected: the file is damaged or ends too early, or was not opened.
            EndOfClip: the last frame was shown and the clip does not loop.
        """
        if self._showing is None or self._format is None:
            raise CameraDisconnected(f"the clip '{self.name}' is not open")
        frame, step_s = self._next(self._showing)
        pixels = letterbox(_to_rgb(frame), self._format.size)
        if self._paced:
            self._pace.wait(step_s)
        return pixels

    def close(self) -> None:
        """Closes the file."""
        if self._showing:
            self._showing.close()
        self._showing = None

    def _next(self, showing: "_Showing") -> "tuple[VideoFrame, float]":
        """The next frame and how long after the one before it is due, from the next showing if need be."""
        for frame, step_s in showing.frames:
            return frame, step_s
        if not self._loop:
            raise EndOfClip
        showing.close()
        try:
            # Opening again takes 5 to 50 ms, and works also for raw streams, in which FFmpeg cannot seek.
            self._showing = _Showing(self._path)
        except (MediaNotFound, MediaUnreadable) as error:
            raise CameraDisconnected(f"the clip '{self.name}' went away while it was played", error.message) from error
        return next(self._showing.frames)


class _Showing:
    """One pass through the file.

    Attributes:
        first: its first frame, which `frames` gives out as well.
        frames: pairs of a frame and the seconds since the one before.
        fps, codec: what the file says.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._container, self._stream = _open_clip(path)
        try:
            decoded = self._decode()
            self.first = self._decode_first(decoded)
            self.fps = _nominal_fps(self._stream, has_times=self.first.pts is not None)
        except BaseException:
            self.close()
            raise
        self.codec = self._stream.codec_context.codec.canonical_name
        self.frames = self._timed(decoded)

    def close(self) -> None:
        """Closes the file; may be called again."""
        self._container.close()

    def _decode_first(self, decoded: "Iterator[VideoFrame]") -> "VideoFrame":
        try:
            first = next(decoded, None)
        except CameraDisconnected as error:
            raise MediaUnreadable(f"the clip '{self._name}' cannot be decoded", _TRUNCATED_HINT) from error
        if first is None:
            raise MediaUnreadable(f"the clip '{self._name}' has no pictures in it", _TRUNCATED_HINT)
        return first

    def _timed(self, decoded: "Iterator[VideoFrame]") -> "Iterator[tuple[VideoFrame, float]]":
        frame: VideoFrame | None = self.first
        before_s: float | None = None
        while frame is not None:
            # PyAV's stubs leave out that a raw stream's frames have no time.
            now_s = frame.time if frame.pts is not None else None
            step_s = 1 / self.fps if now_s is None or before_s is None else now_s - before_s
            yield frame, min(step_s, _LONGEST_STEP_S) if step_s >= 0 else 1 / self.fps
            before_s = now_s
            frame = next(decoded, None)

    def _decode(self) -> "Iterator[VideoFrame]":
        """Decodes to the end.

        Raises:
            CameraDisconnected: a packet is damaged, or the end comes well before the one that the file declares.
        """
        from av.error import FFmpegError

        reached_s = 0.0
        try:
            # All tracks are read, since the declared duration is that of the longest.
            for packet in self._container.demux():
                if packet.pts is not None:
                    reached_s = max(reached_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream is self._stream:
                    yield from self._stream.decode(packet)  # pyright: ignore[reportArgumentType]
        except FFmpegError as error:
            raise CameraDisconnected(f"the clip '{self._name}' is damaged at {reached_s:.1f} s", _TRUNCATED_HINT) from error
        self._check_complete(reached_s)

    def _check_complete(self, reached_s: float) -> None:
        declared_s = (self._container.duration or 0) / 1_000_000
        start_s = (self._container.start_time or 0) / 1_000_000
        # Some containers count the duration from the first frame and some from zero: a late start is not a short end.
        missing_s = declared_s - (reached_s - min(start_s, 0.0))
        if missing_s > max(0.5, 0.03 * declared_s):
            message = f"the clip '{self._name}' ends at {reached_s:.1f} s, but says that it is {declared_s:.1f} s long"
            raise CameraDisconnected(message, _TRUNCATED_HINT)


def _open_clip(path: Path) -> "tuple[InputContainer, VideoStream]":
    """Opens a local file and finds its picture track.

    Raises:
        MediaNotFound, MediaUnreadable: as for `ClipCamera.open`.
    """
    import av
    from av.error import FFmpegError

    _check_file(path)
    try:
        # The whitelist keeps playlists and references inside a file from reaching for the network.
        container = av.open(f"file:{path.absolute()}", metadata_errors="replace", options={"protocol_whitelist": "file"})
    except (FFmpegError, ValueError) as error:
        message = f"'{path.name}' is not a clip, or it is damaged or incomplete"
        raise MediaUnreadable(message, "Try whether a media player opens it") from error
    try:
        return container, _picture_track(container, path)
    except MediaUnreadable:
        container.close()
        raise


def _check_file(path: Path) -> None:
    try:
        if path.is_file():
            with path.open("rb") as file:
                if not file.read(1):
                    raise MediaUnreadable(f"the file '{path.name}' is empty", _TRUNCATED_HINT)
            return
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise MediaUnreadable(f"the file '{path.name}' cannot be read", "Check who may read it") from error
    if exists:
        raise MediaUnreadable(f"'{path.name}' is not a file", "Name a clip file such as clip.mp4")
    raise MediaNotFound(f"there is no file '{path}'", "Check its name and folder")


def _picture_track(container: "InputContainer", path: Path) -> "VideoStream":
    import av.stream

    kind = container.format.name
    if kind.endswith("_pipe") or kind == "image2":
        raise MediaUnreadable(f"'{path.name}' is a still picture", "Sharpen pictures with `sharpened-camera enhance`")
    for stream in container.streams.video:
        # FFmpeg "plays" text files as a terminal, and calls an album's cover a video.
        if kind != "tty" and not stream.disposition & av.stream.Disposition.attached_pic:
            stream.thread_type = "AUTO"  # pyright: ignore[reportAttributeAccessIssue]
            stream.thread_count = 2  # leaves the other cores to inference
            return stream
    raise MediaUnreadable(f"'{path.name}' has no moving picture in it", "Name a clip file such as clip.mp4")


def _nominal_fps(stream: "VideoStream", has_times: bool) -> float:
    """Frames per second: with timestamps the average, without them what the codec says, else 25."""
    rates = (stream.average_rate, stream.guessed_rate)
    for rate in rates if has_times else reversed(rates):
        if rate and 0.1 <= rate <= 480:
            return float(rate)
    return _FALLBACK_FPS


def _to_rgb(frame: "VideoFrame") -> Pixels:
    """Converts a decoded frame with its own matrix and range, and turns it upright: a new (H, W, 3) uint8 RGB array.

    FFmpeg's quick path is up to 3 levels off the exact values and repeats the chroma samples; the exact path with
    smooth chroma takes 3.2 ms instead of 0.3 at 1280x720, and the next conversion to 4:2:0 undoes its smoothing.
    """
    from av.error import FFmpegError

    matrix = None
    if frame.colorspace == _UNSPECIFIED_MATRIX:
        matrix = _BT601 if frame.height < 720 else _BT709
    try:
        converted = frame.reformat(format="rgb24", src_colorspace=matrix, dst_color_range=_FULL_RANGE, threads=1)
    except (FFmpegError, ValueError) as error:
        raise CameraDisconnected(f"the clip has pictures of an unknown kind, {frame.format.name}", "Convert it to H.264 first") from error
    pixels: Pixels = converted.to_ndarray()  # pyright: ignore[reportAssignmentType]
    turn = _TURNS.get(round(frame.rotation / 90) % 4)
    if turn is not None:
        return cv2.rotate(pixels, turn).astype(np.uint8, copy=False)
    # The array keeps the converted frame alive, and nobody else has that one: copying it would cost up to 0.9 ms at
    # 1280x720. If there was nothing to convert it is the decoder's own, which may still refer to it.
    return pixels.copy() if converted is frame or not pixels.flags.c_contiguous else pixels
