"""A dataset that tests make for themselves, small enough to be written in no time."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pictures import sharp_picture

from sharpen_core.frame import Size
from sharpen_train.data import CONTEXT_PX, SPLITS, DatasetInfo, SourceInfo


def tiny_dataset(folder: Path, patch_px: int = 32, train: int = 12, test: int = 4) -> Path:
    """Writes `train` and `test` sharp patches, each from a picture of its own, and returns the folder."""
    counts = {"train": train, "test": test, "benchmark": 0}
    side = patch_px + 2 * CONTEXT_PX
    sources: list[SourceInfo] = []
    for split in SPLITS:
        truths = np.zeros((counts[split], side, side, 3), np.uint8)
        for row in range(counts[split]):
            truths[row] = _detailed(side, len(sources))
            sources.append(
                SourceInfo(
                    id=len(sources), file=f"{split}/{row}.png", sha256="0" * 64, split=split, scale=1, kind="photo", first=row, patches=1
                )
            )
        (folder / split).mkdir(parents=True)
        np.save(folder / split / "truth.npy", truths)
    info = DatasetInfo(
        format=1,
        patch_px=patch_px,
        context_px=CONTEXT_PX,
        stride=patch_px,
        seed=1,
        created_by="tests",
        counts=counts,
        soft_counts=dict.fromkeys(SPLITS, 0),
        sources=sources,
    )
    (folder / "dataset.json").write_text(info.model_dump_json(), encoding="utf-8")
    return folder


def _detailed(side: int, seed: int) -> NDArray[np.uint8]:
    return sharp_picture(Size(4 * side, 4 * side), seed)[side : 2 * side, side : 2 * side]
