"""How far the output of a network depends on its input."""

from collections.abc import Sequence


def unet_halo_px(down: Sequence[int], bottom: int, up: Sequence[int]) -> int:
    """Returns the exact halo of a U-Net, see `Network.halo_px`.

    On the way down a pixel of the next level stands for a 2x2 cell: the reach so far is rounded up to whole cells. On the way up it
    grows to both its pixels.

    Args:
        down: how far the convolutions of each level before its halving reach, in pixels of that level, full resolution first.
        bottom: the same at the lowest level.
        up: the same of each level after its doubling, full resolution first.
    """
    reach = 0
    for own in down:
        reach = -(-(reach + own) // 2)
    reach += bottom
    for own in reversed(up):
        reach = 2 * reach + own
    return reach
