"""The model card: what a model is, how it was trained, what it scores, and for whom it is not."""

from pathlib import Path

from sharpen_core.model_store import Manifest

CREDITS = """\
Trained on openly licensed pictures: portraits and people under CC0 and Creative Commons licences, public-domain photographs and
screenshots of United States government projects, photographs shipped with BSD- and Apache-licensed software, and sharp frames of the
GoPro dataset (S. Nah, T. H. Kim, K. M. Lee: Deep Multi-scale Convolutional Neural Network for Dynamic Scene Deblurring, CVPR 2017; CC BY 4.0).
No picture of the evaluation set was trained on.
"""


def write_card(path: Path, manifest: Manifest) -> None:
    """Writes the card of a model as Markdown."""
    sections = [
        f"# {manifest.name}: {manifest.title}",
        f"{manifest.parameters:,} parameters, {manifest.kmac_per_px} kMAC per pixel, exact reach of {manifest.halo_px} px. "
        f"Architecture `{manifest.architecture}`. Licence {manifest.licence}.",
        "## Training\n\n" + "\n".join(f"- {key}: {value}" for key, value in manifest.training.items()),
        "Supervised by the sharp picture alone, without a teacher. Each patch is softened afresh: the published heavy (28 %), medium (24 %) and low "
        "(18 %) levels, a continuous range between and a little beyond them (20 %), untouched (10 %); half of all are JPEG-compressed at quality 40-95 "
        "and a seventh carry Gaussian noise of 0.5-3/255. The weights are an exponential moving average.",
        CREDITS.strip(),
        "## Scores\n\n" + (_table(manifest) if manifest.scores else "Not evaluated."),
        "## Same picture everywhere\n\n"
        + "\n".join(f"- {name}: at most {p.max_abs:.0f}/255 from the trained network, {p.mean_abs:.4f}/255 on average" for name, p in manifest.parity.items()),
        "## Limits\n\nIt restores what a soft lens, a small sensor and compression took from detail that is still there. It cannot undo strong motion blur, and it "
        "invents nothing that was lost: text of five pixels stays unreadable. Very noisy pictures of dark rooms were not in its training.",
    ]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _table(manifest: Manifest) -> str:
    """Returns the scores as a Markdown table."""
    rows = [
        "Mean over whole pictures; RGB PSNR in dB / SSIM of luma (11x11 Gaussian window). The unsharp mask was tuned on these pictures and told the level; "
        "the network is blind. JPEG has quality 50-95.",
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
