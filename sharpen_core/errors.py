"""Everything that can go wrong, as one tree.

SharpenError                        exit code
├── CameraError                     10
│   ├── CameraNotFound              11
│   ├── CameraBusy                  12
│   ├── CameraDisconnected          13
│   │   └── CameraUnplugged         15
│   └── CameraFormatUnsupported     14
├── OutputError                     20
│   ├── OutputDriverMissing         21
│   ├── OutputBusy                  22
│   ├── OutputFormatUnsupported     23
│   └── OutputUnwritable            24
├── ModelError                      40
│   ├── ModelNotFound               41
│   ├── ModelCorrupt                42
│   └── ModelIncompatible           43
├── EngineError                     50
│   ├── EngineUnavailable           51
│   ├── EngineCompileFailed         52
│   └── EngineInferenceFailed       53
├── MediaError                      60
│   ├── MediaNotFound               61
│   ├── MediaUnreadable             62
│   └── MediaSizeUnsupported        63
├── SettingsError                   70
└── StopTimeout                     80

1 is an error of the program itself; 30-39 belong to `sharpen-train`; 2 is a wrong command line; 130 and 143 are Ctrl-C and SIGTERM.
"""


class SharpenError(Exception):
    """Base of every error that is meant for the user.

    Attributes:
        message: what happened, one line.
        hint: what to do about it, one line; may be empty. Like the message it has no full stop: it may end in a command.
        exit_code: what the command line exits with.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message.rstrip(".")
        self.hint = hint.rstrip(".")

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class CameraError(SharpenError):
    """A camera, or a clip played as one, failed."""

    exit_code = 10


class CameraNotFound(CameraError):
    """No camera has this name, number or path."""

    exit_code = 11


class CameraBusy(CameraError):
    """Another program holds the camera."""

    exit_code = 12


class CameraDisconnected(CameraError):
    """The camera stopped delivering frames."""

    exit_code = 13


class CameraUnplugged(CameraDisconnected):
    """The camera has gone while it delivered."""

    exit_code = 15


class CameraFormatUnsupported(CameraError):
    """The camera cannot deliver the size that was asked for."""

    exit_code = 14


class OutputError(SharpenError):
    """Frames cannot be sent or written."""

    exit_code = 20


class OutputDriverMissing(OutputError):
    """This system has no virtual camera."""

    exit_code = 21


class OutputBusy(OutputError):
    """Another program writes to the virtual camera."""

    exit_code = 22


class OutputFormatUnsupported(OutputError):
    """The virtual camera or file takes no frames of this size or format."""

    exit_code = 23


class OutputUnwritable(OutputError):
    """A file cannot be written."""

    exit_code = 24


class ModelError(SharpenError):
    """A model cannot be used."""

    exit_code = 40


class ModelNotFound(ModelError):
    """No model has this name."""

    exit_code = 41


class ModelCorrupt(ModelError):
    """A model's files are not what its manifest says."""

    exit_code = 42


class ModelIncompatible(ModelError):
    """A model needs something that this program or machine lacks."""

    exit_code = 43


class EngineError(SharpenError):
    """An inference engine failed."""

    exit_code = 50


class EngineUnavailable(EngineError):
    """The engine is not installed, or no engine has this name."""

    exit_code = 51


class EngineCompileFailed(EngineError):
    """The engine could not load the model."""

    exit_code = 52


class EngineInferenceFailed(EngineError):
    """The engine failed on a frame."""

    exit_code = 53


class MediaError(SharpenError):
    """A picture or clip file failed."""

    exit_code = 60


class MediaNotFound(MediaError):
    """There is no such file."""

    exit_code = 61


class MediaUnreadable(MediaError):
    """The file is not a picture or clip, or it is damaged."""

    exit_code = 62


class MediaSizeUnsupported(MediaError):
    """The picture is too large or too small."""

    exit_code = 63


class SettingsError(SharpenError):
    """The settings file is damaged or cannot be written."""

    exit_code = 70


class StopTimeout(SharpenError):
    """A part did not stop in time."""

    exit_code = 80
