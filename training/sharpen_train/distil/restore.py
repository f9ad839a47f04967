"""Networks at work: the result of a run, on pictures of any size."""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpen_core.frame import Size
from sharpen_core.gauge import Floats, share_to_add
from sharpen_core.restorer import mixed
from sharpen_core.tiling import Mosaic, plan_tiles
from sharpen_train.architectures import ARCHITECTURES, Network, build
from sharpen_train.distil import checkpoint
from sharpen_train.distil.run_folder import CONFIG, best_weights, read_run_config
from sharpen_train.errors import CheckpointError, ConfigError
from sharpen_train.metrics import Picture

# A network that pools or attends over the whole picture has no exact tiles; with this much surroundings the seams are not seen.
WHOLE_FRAME_OVERLAP_PX = 32
GAUGE = "gauge."
"""What the names of a gauge's weights begin with."""


def load_run(run: Path) -> Network:
    """Returns the finished network of a run in evaluation mode: its best averaged weights.

    Raises:
        CheckpointError: the folder is not a run with weights.
        ConfigError: its settings are damaged.
    """
    network = build(read_run_config(run).model.arch)
    checkpoint.load_weights(best_weights(run), network)
    return network.eval()


def load_network(what: Path, arch: str | None = None) -> tuple[str, Network]:
    """Returns the name and the network, in evaluation mode, of a run, of weights that one wrote, or of a published checkpoint.

    Args:
        what: a run folder, a folder of shards, or a file of weights.
        arch: its architecture; None: what the file says of itself, or else the one that has just these weights.

    Raises:
        CheckpointError: it is damaged, or it is of another architecture, or of none that is known.
        ConfigError: it takes no pictures.
    """
    if (what / CONFIG).is_file():
        return read_run_config(what).model.arch, load_run(what)
    name = arch or _architecture_of(what)
    network = build(name)
    refuse_two_views(name, network)
    checkpoint.load_weights(what, network)
    return name, network.eval()


def refuse_two_views(name: str, network: Network) -> None:
    """Refuses a network that takes the two views of a dual-pixel sensor: no picture or camera here has them.

    Raises:
        ConfigError: it is such a network.
    """
    if getattr(network, "dual_pixel", False):
        raise ConfigError(f"{name} takes the two views of a dual-pixel sensor, not a picture", "Choose one without dual-pixel.")


def start_from(what: Path, network: nn.Module, gauge: Mapping[str, Tensor] | None = None) -> None:
    """Fills `network` with the weights of a run, a folder of shards, or a file, ours or published.

    They may be those of a network that it is built on, see `Network.adapted`.

    Args:
        what: where the weights are.
        network: what to fill.
        gauge: what `read_gauge` returned, instead of the gauge among the weights.

    Raises:
        CheckpointError: there are none, they are damaged, or they are of another architecture.
    """
    path = _weights_at(what)
    weights = checkpoint.read_weights(path)
    if gauge:
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith(GAUGE)} | dict(gauge)
    checkpoint.fill(network, network.adapted(weights) if isinstance(network, Network) else weights, str(path))


def read_gauge(what: Path) -> dict[str, Tensor]:
    """Returns the gauge among the weights of a run, of a folder of shards, or of a file, with the names that it has there.

    Raises:
        CheckpointError: there is none, or the weights are damaged.
    """
    weights = checkpoint.read_weights(_weights_at(what))
    gauge = {name: tensor for name, tensor in weights.items() if name.startswith(GAUGE)}
    if not gauge:
        raise CheckpointError(f"there is no gauge in {what}", "Make one with `sharpen-train gauge`.")
    return gauge


def _weights_at(what: Path) -> Path:
    return best_weights(what) if (what / CONFIG).is_file() else what


def _architecture_of(what: Path) -> str:
    """Returns the architecture that weights are of.

    Raises:
        CheckpointError: none has these weights.
    """
    if said := checkpoint.read_facts(what).get("arch"):
        return said
    shapes = {name: tensor.shape for name, tensor in checkpoint.read_weights(what).items()}
    for name in ARCHITECTURES:
        with torch.device("meta"):  # shapes alone; no numbers are made
            own = build(name).state_dict()
        if {key: tensor.shape for key, tensor in own.items()} == shapes:
            return name
    raise CheckpointError(f"the weights {what} are of no architecture that is known here", "Name it with --arch.")


def restore(network: Network, picture: Picture) -> Picture:
    """Returns `picture`, (H, W, 3) uint8 RGB of any size, sharpened as a whole, on the device of the network."""
    return restore_batch(network, picture[None])[0]


@torch.inference_mode()
def restore_batch(network: Network, pictures: Picture, mtf: Floats | None = None) -> Picture:
    """Returns pictures of one size, (N, H, W, 3) uint8 RGB, sharpened as wholes, on the device of the network.

    Args:
        network: in evaluation mode.
        pictures: what to sharpen.
        mtf: what a guided network is told of all of them, (BANDS,); by default it reads that from each.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    height, width = pictures.shape[1:3]
    x = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255
    x = F.pad(x, (0, -width % network.multiple_px, 0, -height % network.multiple_px), mode="replicate")
    told = () if mtf is None else (torch.from_numpy(mtf).to(x).expand(len(x), -1),)
    y = network(x, *told)[:, :, :height, :width].permute(0, 2, 3, 1)
    return (y.float() * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def restore_tiled(network: Network, picture: Picture, tile_px: int = 512) -> Picture:
    """Returns `picture`, (H, W, 3) uint8 RGB of any size, sharpened in overlapping tiles, so that memory does not grow with it.

    As in the program, a guided network adds less to a picture that is nearly sharp, and nothing to a sharp one.
    A network of bounded reach gives the same as `restore`; one that pools or attends over the whole picture sees each tile as a
    picture of its own, and neighbours are blended.

    Args:
        network: in evaluation mode.
        picture: what to sharpen.
        tile_px: a tile has at most the pixels of a square of this side.
    """
    halo_px = min(network.halo_px, WHOLE_FRAME_OVERLAP_PX) if network.whole_frame else network.halo_px
    plan = plan_tiles(Size.of(picture), network.multiple_px, halo_px, tile_px**2)
    gauge = network.running_gauge()
    mtf = gauge.read_whole(picture) if gauge else None
    share = 1.0 if mtf is None else share_to_add(mtf)
    if share == 0:
        return picture.copy()
    sharp = Mosaic(plan).assemble(lambda tile: restore_batch(network, tile[None], mtf)[0], picture)
    return mixed(sharp, picture, share) if share < 1 else sharp
