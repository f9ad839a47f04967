"""A contact sheet of random patches: what a network will learn from."""

from pathlib import Path

import cv2
import numpy as np

from sharpen_train.data.dataset import DatasetInfo, map_array

ROWS, COLUMNS = 8, 12
SHOWN_PX = 128
GAP_PX = 4


def write_overview(folder: Path, info: DatasetInfo) -> None:
    """Writes `overview.jpg` into a dataset's folder: 96 patches of the training split, without their context, by source."""
    side, inner = info.side_px, slice(info.context_px, info.context_px + info.patch_px)
    truth = map_array(folder / "train" / "truth.npy", (info.counts["train"], side, side, 3), np.uint8)
    count = min(ROWS * COLUMNS, len(truth))
    chosen = np.sort(np.random.default_rng(info.seed).choice(len(truth), count, replace=False))
    rows, shown = -(-count // COLUMNS), min(SHOWN_PX, info.patch_px)
    step = shown + GAP_PX
    sheet = np.full((rows * step + GAP_PX, COLUMNS * step + GAP_PX, 3), 255, np.uint8)
    for place, at in enumerate(chosen.tolist()):
        top, left = (GAP_PX + step * index for index in divmod(place, COLUMNS))
        patch = cv2.resize(truth[at][inner, inner], (shown, shown), interpolation=cv2.INTER_AREA)
        sheet[top : top + shown, left : left + shown] = patch
    data = cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    (folder / "overview.jpg").write_bytes(data.tobytes())
