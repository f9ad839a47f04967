"""The model card: what a model is, how it was trained, what it scores, and for what it is not."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sharpen_core.model_store import Manifest
from sharpen_train.degradations import PRESETS

LIMITS = """\
It restores detail that a soft lens, a small sensor or compression weakened but left in the picture. It invents nothing that was
lost: text of five pixels stays unreadable, and strong motion blur stays. What was not in its training (see above) is left to chance."""

WHOLE_FRAME = """\
It looks at the whole frame at once. So it is never computed in tiles: its memory grows with the frame, and what happens in one corner
of a picture changes the others a little."""

MEASURE = """\
Means over whole pictures: RGB PSNR in dB / SSIM of luma (11x11 Gaussian window). The unsharp mask was tuned on these very pictures and
told the level; the network is not. JPEG has quality 50-95."""

Fact = str | int | float | bool


def describe_training(settings: Mapping[str, Any], table: Path) -> dict[str, Fact]:
    """Returns how a run was trained, in plain keys and values.

    Args:
        settings: sections of the run's settings: model, train, loss, distil, phase.
        table: metrics.csv of the run, whose last row tells steps and minutes; it need not exist.
    """
    train, phases = settings.get("train", {}), list(settings.get("phase", []))
    distil = settings.get("distil", {})
    taught = bool(distil.get("teacher")) and any(min(_alphas(phase)) < 1 for phase in phases)
    facts: dict[str, Fact] = {"supervision": _supervision(distil) if taught else "the sharp picture alone, no teacher"}
    total = sum(phase.get("share", 1.0) for phase in phases)
    for number, phase in enumerate(phases, 1):
        facts[f"phase {number}" if len(phases) > 1 else "examples"] = _phase(phase, total, taught=taught)
    for name in dict.fromkeys(phase["preset"] for phase in phases):
        if name in PRESETS:
            facts[f"degradation {name}"] = "; ".join(f"{topic}: {words}" for topic, words in PRESETS[name].describe().items())
    if terms := settings.get("loss", {}).get("terms"):
        facts["loss"] = " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in terms.items() if weight)
    if settings.get("model", {}).get("gauge"):
        facts["gauge"] = "trained by itself before, and left as it was"
        if told := train.get("told_truth"):
            facts["told"] = f"the true MTF, a little off, of {told:.0%} of the pictures, of the others what the gauge read"
    facts |= _optimiser(train)
    return facts | _length(table)


def _supervision(distil: Mapping[str, Any]) -> str:
    masked = ", left out where they are farther from the truth than the input" if distil.get("mask_harm") else ""
    return f"the sharp picture and the outputs of the teacher {Path(distil['teacher']).name}{masked}"


def _alphas(phase: Mapping[str, Any]) -> list[float]:
    """The weight of the truth at the start and at the end of a phase."""
    start = float(phase.get("alpha", 1.0))
    return [start, float(phase.get("alpha_end", start))]


def _phase(phase: Mapping[str, Any], total: float, *, taught: bool) -> str:
    start, end = _alphas(phase)
    words = [f"degradation {phase['preset']}", f"{phase['batch']} patches of {phase['patch_px']} px in a step"]
    share = phase.get("share", 1.0) / total
    if share < 1:
        words.insert(0, f"{share:.0%} of the steps")
    if taught and min(start, end) < 1:
        words.append(f"weight of the truth {start:g}" if start == end else f"weight of the truth from {start:g} to {end:g}")
    return ", ".join(words)


def _optimiser(train: Mapping[str, Any]) -> dict[str, Fact]:
    if not train:
        return {}
    words = {
        "optimiser": f"{train['optimiser']}, weight decay {train['weight_decay']:g}, gradients clipped at {train['clip']:g}",
        "learning rate": f"{train['lr']:g}, {train['schedule']} after {train['warmup_steps']} steps of warm-up",
        "arithmetic": train["precision"],
        "seed": train["seed"],
    }
    return words | ({"averaged weights": f"decay {train['ema']:g} in a step"} if train["ema"] else {})


def _length(table: Path) -> dict[str, Fact]:
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines())) if table.is_file() else []
    if not rows:
        return {}
    facts: dict[str, Fact] = {"steps": int(float(rows[-1]["step"]))}
    return facts | ({"minutes": round(float(rows[-1]["minutes"]), 1)} if rows[-1].get("minutes") else {})


def write_card(path: Path, manifest: Manifest, credits_text: str) -> None:
    """Writes the card of a model as Markdown; `credits_text` tells whose pictures it was trained on."""
    facts = (
        f"Model `{manifest.name}`: {manifest.parameters:,} parameters, {manifest.kmac_per_px} kMAC per pixel, reach {manifest.halo_px} px. "
        f"Architecture `{manifest.architecture}`. Licence {manifest.licence}."
    )
    if manifest.bounds:
        facts += f" {len(manifest.bounds) + 1} sets of weights, for frames of a mean MTF up to {_spoken(manifest.bounds)}, and above."
    sections = [
        f"# {manifest.title}",
        facts,
        "## Training\n\n" + "\n".join(f"- {key}: {value}" for key, value in manifest.training.items()),
        *([credits_text.strip()] if credits_text.strip() else []),
        "## Scores\n\n" + (_scores(manifest) if manifest.scores else "Not evaluated."),
        "## The same picture everywhere\n\n" + "\n".join(_parity(manifest)),
        "## Limits\n\n" + "\n\n".join([LIMITS, *([WHOLE_FRAME] if manifest.whole_frame else [])]),
    ]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _spoken(bounds: Iterable[float]) -> str:
    return ", up to ".join(f"{bound:g}" for bound in bounds)


def read_credits(card: str) -> str:
    """Returns what the text of a card says about whose pictures the model was trained on; empty where it says nothing."""
    training = card.partition("## Training\n\n")[2].partition("\n## Scores\n")[0]
    return training.partition("\n\n")[2].strip()


def _parity(manifest: Manifest) -> Iterable[str]:
    for name, parity in manifest.parity.items():
        yield f"- {name}: at most {parity.max_abs:.0f}/255 from the trained network, {parity.mean_abs:.4f}/255 on average"
    if manifest.int8:
        cost = manifest.int8
        yield (
            f"- what 8 bits change: PSNR {-cost.psnr_loss_db:+.3f} dB on average and {-cost.worst_psnr_loss_db:+.3f} dB at worst, "
            f"on {cost.pictures} pictures that it was not calibrated on ({cost.method})"
        )
        if cost.sharp_db is not None:
            sharp = f"{cost.sharp_db:.1f} dB in 8 bits, at {cost.sharp_db_float:.1f} dB in float32"
            yield f"- a picture that is sharp already comes back at {sharp}"


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
