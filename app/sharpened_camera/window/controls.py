"""The panel at the right: what to capture and how to sharpen it."""

from collections import Counter
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from sharpen_core.capture.devices import CameraDevice
from sharpen_core.model_store import Model
from sharpened_camera.settings import Settings
from sharpened_camera.window.picker import Choice, Picker
from sharpened_camera.window.tint import accent

TEST_PICTURE = "test"
_OPEN_A_CLIP = object()
_SIZES = ("640x360", "640x480", "1280x720", "1920x1080")
_CPU_PERCENTS = (25, 50, 75, 100)
CONTROL_HEIGHT_PX = 30
_FIELD_GAP_PX = 5
_GROUP_GAP_PX = 18


class ControlPanel(QWidget):
    """Shows the settings and tells what the user changes.

    It keeps no settings itself: whoever uses it takes over a change and calls `show_settings`.
    """

    changed = Signal(str, object)  # name of a field of Settings, its new value; of "camera" a CameraDevice, if one is connected
    clip_wanted = Signal()  # the user wants to choose a clip
    cameras_wanted = Signal()  # the list of cameras is about to be looked at
    toggled = Signal()  # start or stop

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._devices: list[CameraDevice] = []
        self._models: list[Model] = []
        self.camera, self.frame_size, self.model = Picker("Camera"), Picker("Size"), Picker("Model")
        self.cpu = Picker("CPU limit")
        self.strength = QSlider(Qt.Orientation.Horizontal)
        self.percent = QLabel()
        self.crispness = QSlider(Qt.Orientation.Horizontal)
        self.crispness_percent = QLabel()
        self.mirror = QCheckBox("Mirror what others see")
        self.pause = QCheckBox("Pause while nobody watches")
        self.toggle = QPushButton()
        self._set_up()
        self._lay_out()
        self.show_settings(settings)

    # ---- for the window ----------------------------------------------------------------------------------------

    def show_settings(self, settings: Settings) -> None:
        """Shows these settings."""
        old, self._settings = self._settings, settings
        if (old.camera, old.camera_path) != (settings.camera, settings.camera_path) or not self.camera.count():
            self._offer_cameras()
        if old.size != settings.size or not self.frame_size.count():
            self._offer_sizes()
        if old.model != settings.model or not self.model.count():
            self._offer_models()
        if old.cpu_percent != settings.cpu_percent or not self.cpu.count():
            self._offer_cpu_limits()
        self.strength.setValue(round(settings.strength * 100))
        self.percent.setText(_percent(settings.strength))
        self.crispness.setValue(round(settings.crispness * 100))
        self.crispness_percent.setText(_percent(settings.crispness))
        self.mirror.setChecked(settings.mirror)
        self.pause.setChecked(settings.pause)

    def show_cameras(self, devices: list[CameraDevice]) -> None:
        """Offers these cameras."""
        if devices != self._devices:
            self._devices = devices
            self._offer_cameras()

    def show_models(self, models: list[Model]) -> None:
        """Offers these models."""
        self._models = models
        self._offer_models()

    def show_toggle(self, text: str, *, enabled: bool, wanted: bool) -> None:
        """What the button does now; it stands out while it is what the user most likely wants."""
        self.toggle.setText(text)
        self.toggle.setAccessibleName(text)
        self.toggle.setEnabled(enabled)
        accent(self.toggle, wanted)

    # ---- what is offered ---------------------------------------------------------------------------------------

    def _offer_cameras(self) -> None:
        """Names what the user can capture; cameras of the same name are told apart by their node."""
        names = Counter(device.name for device in self._devices)
        cameras = [
            Choice(device.name if names[device.name] == 1 else f"{device.name} ({Path(device.path).name})", device, device.path)
            for device in self._devices
        ]
        extra = [Choice("Test picture", TEST_PICTURE, "A moving test picture, for trying things out without a camera.")]
        chosen = self._chosen_device() or self._settings.camera
        if isinstance(chosen, str) and chosen != TEST_PICTURE:
            if Path(chosen).is_file():
                extra.append(Choice(Path(chosen).name, chosen, chosen))
            else:
                cameras.append(Choice(f"{chosen} (not connected)" if self._devices else chosen, chosen))
        first = Choice("Automatic", None, "The first camera that is connected; without one, the test picture.")
        clip = Choice("Open a clip…", _OPEN_A_CLIP, "Play a video file as if it were the camera.")
        self.camera.offer([[first, *cameras], [*extra, clip]], chosen)

    def _chosen_device(self) -> CameraDevice | None:
        """The camera that the settings mean: by path and name, else by name or, as in older settings, by path alone."""
        name, path = self._settings.camera, self._settings.camera_path
        named = [device for device in self._devices if name in (device.name, device.path, device.stable_path)]
        return next((device for device in named if device.stable_path == path), named[0] if named else None)

    def _offer_sizes(self) -> None:
        sizes = [*_SIZES]
        if self._settings.size and self._settings.size not in sizes:
            sizes.append(self._settings.size)
        offered = [Choice(size.replace("x", " × "), size) for size in sizes]
        automatic = Choice("Automatic", None, "What suits the camera and this computer.")
        self.frame_size.offer([[automatic, *offered]], self._settings.size)

    def _offer_models(self) -> None:
        chosen = self._settings.model
        automatic = Choice("Automatic", None, "The best one that this computer can hold, now and later.")
        offered = [Choice(model.manifest.title, model.name, f"{model.manifest.title} ({model.name})") for model in self._models]
        if chosen and chosen not in {model.name for model in self._models}:
            offered.append(Choice(f"{chosen} (not installed)" if self._models else chosen, chosen))
        self.model.offer([[automatic], offered], chosen)

    def _offer_cpu_limits(self) -> None:
        chosen = self._settings.cpu_percent
        tip = "How much of this computer's processor may be used. With less, less of the picture is sharpened."
        offered = [Choice(f"{percent} %" if percent < 100 else "None", percent, tip) for percent in sorted({*_CPU_PERCENTS, chosen})]
        self.cpu.offer([offered], chosen)

    # ---- what the user does ------------------------------------------------------------------------------------

    def _camera_chosen(self, value: object) -> None:
        if value is _OPEN_A_CLIP:
            self.camera.pick(self._chosen_device() or self._settings.camera)  # until a clip was really chosen
            self.clip_wanted.emit()
        else:
            self.changed.emit("camera", value)

    # ---- construction ------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        for picker in (self.camera, self.frame_size, self.model, self.cpu):
            picker.setMinimumHeight(CONTROL_HEIGHT_PX)
        self.camera.chosen.connect(self._camera_chosen)
        self.camera.opening.connect(self.cameras_wanted)
        self.frame_size.chosen.connect(partial(self.changed.emit, "size"))
        self.model.chosen.connect(partial(self.changed.emit, "model"))
        self.cpu.chosen.connect(partial(self.changed.emit, "cpu_percent"))
        for slider, percent, name in ((self.strength, self.percent, "Strength"), (self.crispness, self.crispness_percent, "Crispness")):
            slider.setRange(0, 100)
            slider.setPageStep(10)
            slider.setAccessibleName(name)
            slider.valueChanged.connect(partial(self._slid, name.lower()))
            percent.setAccessibleName(f"{name} in percent")
        self.strength.setToolTip("How much to sharpen. At the left end it is really off: your camera's picture goes out as it is.")
        self.crispness.setToolTip(
            "How plain fine detail is made, beyond what blur took from it. At the left end the picture is as true as it can be."
        )
        self.mirror.setAccessibleName("Mirror what others see")
        self.mirror.setToolTip(
            "Leave this off as a rule. Call programs already mirror your own view of yourself,\n"
            "and only that: others see you the right way round, and can read what you hold up."
        )
        self.mirror.clicked.connect(self._mirror_clicked)
        self.pause.setAccessibleName("Pause while nobody watches")
        self.pause.setToolTip(
            "While this window is hidden and no program shows your picture, the camera and the processor rest.\n"
            "The picture is back as soon as somebody looks."
        )
        self.pause.clicked.connect(self._pause_clicked)
        self.toggle.setToolTip("Start or stop the camera (Space)")
        self.toggle.setMinimumHeight(40)
        self.toggle.clicked.connect(self.toggled)

    def _mirror_clicked(self, checked: bool) -> None:
        self.changed.emit("mirror", checked)

    def _pause_clicked(self, checked: bool) -> None:
        self.changed.emit("pause", checked)

    def _slid(self, field: str, value: int) -> None:
        if value != round(getattr(self._settings, field) * 100):
            self.changed.emit(field, value / 100)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(_GROUP_GAP_PX)
        fields = (("&Camera", self.camera), ("Si&ze", self.frame_size), ("&Model", self.model), ("CPU &limit", self.cpu))
        for title, picker in fields:
            layout.addLayout(_field(_title(title, picker), picker))
        sliders = (("Stren&gth", self.strength, self.percent), ("Cris&pness", self.crispness, self.crispness_percent))
        for title, slider, percent in sliders:
            heading = QHBoxLayout()
            heading.addWidget(_title(title, slider), 1)
            heading.addWidget(percent)
            layout.addLayout(_field(heading, slider))
        switches = QVBoxLayout()
        switches.setSpacing(8)
        for switch in (self.mirror, self.pause):
            switches.addWidget(switch)
        layout.addLayout(switches)
        layout.addStretch(1)
        layout.addWidget(self.toggle)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share > 0 else "Off"


def _title(text: str, buddy: QWidget) -> QLabel:
    title = QLabel(text)
    font = title.font()
    font.setBold(True)
    title.setFont(font)
    title.setBuddy(buddy)
    return title


def _field(heading: QLabel | QHBoxLayout, control: QWidget) -> QVBoxLayout:
    field = QVBoxLayout()
    field.setSpacing(_FIELD_GAP_PX)
    if isinstance(heading, QLabel):
        field.addWidget(heading)
    else:
        field.addLayout(heading)
    field.addWidget(control)
    return field
