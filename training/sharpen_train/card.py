"""The model card: what a model is, how it was trained, what it scores, and for what it is not."""

from pathlib import Path

from sharpen_core.model_store import Manifest

LIMITS = """\
It restores detail that a soft lens, a small sensor or compression weakened but left in the picture. It invents nothing that was
lost: text of five pixels stays unreadable, and strong motion blur stays. What was not in its training (see above) is left to chance."""

MEASURE = """\
Means over whole pictures: RGB PSNR in dB / SSIM of luma (11x11 Gaussian window). The unsharp mask was tuned on these very pictures and
told the level; the network is blind. JPEG has quality 50-95."""


def write_card(path: Path, manifest: Manifest, credits_text: str) -> None:
    """Writes the card of a model as Markdown; `credits_text` tells whose pictures it was trained on."""
    facts = (
        f"Model `{manifest.name}`: {manifest.parameters:,} parameters, {manifest.kmac_per_px} kMAC per pixel, reach {manifest.halo_px} px. "
        f"Architecture `{manifest.architecture}`. Licence {manifest.licence}."
    )
    sections = [
        f"# {manifest.title}",
        facts,
        "## Training\n\n" + "\n".join(f"- {key}: {value}" for key, value in manifest.training.items()),
        *([credits_text.strip()] if credits_text else []),
        "## Scores\n\n" + (_scores(manifest) if manifest.scores else "Not evaluated."),
        "## The same picture everywhere\n\n" + "\n".join(_parity(manifest)),
        "## Limits\n\n" + LIMITS,
    ]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _parity(manifest: Manifest) -> list[str]:
    return [
        f"- {name}: at most {parity.max_abs:.0f}/255 from the trained network, {parity.mean_abs:.4f}/255 on average"
        for name, parity in manifest.parity.items()
    ]


def _scores(manifest: Manifest) -> str:
    """Returns the scores as a Markdown table."""
    rows = [
        MEASURE,
        "",
        "| level | input | best unsharp mask | this model | gain in dB |",
        "|---|---|---|---|---|",
    ]
    for level, s in manifest.scores.items():
        rows.append(
            f"| {level} | {s.input_psnr_db:.2f} / {s.input_ssim:.3f} | {s.unsharp_psnr_db:.2f} / {s.unsharp_ssim:.3f} "
            f"| {s.psnr_db:.2f} / {s.ssim:.3f} | {s.psnr_db - s.input_psnr_db:+.2f} |"
        )
    return "\n".join(rows)
