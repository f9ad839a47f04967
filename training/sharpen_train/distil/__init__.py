"""The distillation: the loop, its run folder and checkpoints, teachers, several processes.

`loop.train` is read from top to bottom; everything else here is what it calls.
"""

from sharpen_train.distil.loop import train
from sharpen_train.distil.restore import load_network, load_run, restore, restore_tiled

__all__ = ["load_network", "load_run", "restore", "restore_tiled", "train"]
