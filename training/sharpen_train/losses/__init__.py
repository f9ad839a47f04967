"""What training minimises. Every loss maps a result and the truth, (N, 3, H, W) in [0, 1] each, to one value per example, (N,)."""

from sharpen_train.losses.combined import Loss, build_loss, distilled
from sharpen_train.losses.distances import DONE_DB, LOSSES, charbonnier, psnr_loss
from sharpen_train.losses.perceptual import PERCEPTUAL

__all__ = ["DONE_DB", "LOSSES", "PERCEPTUAL", "Loss", "build_loss", "charbonnier", "distilled", "psnr_loss"]
