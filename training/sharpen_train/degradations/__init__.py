"""Sharp pictures made soft, as named presets: published levels, mixtures, and what real webcams do.

Needs numpy, OpenCV and PyAV only. Everything random is drawn from the generator that is passed in.
"""

from sharpen_train.degradations.presets import PRESETS, Preset, find_preset
from sharpen_train.degradations.stages import Picture, Stage

__all__ = ["PRESETS", "Picture", "Preset", "Stage", "find_preset"]
