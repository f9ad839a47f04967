"""The evaluation in a terminal, and as one JSON object."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sharpen_train.evaluation import flicker
from sharpen_train.evaluation.conditions import IDENTITY
from sharpen_train.evaluation.goals import IDENTITY_DB, judge
from sharpen_train.evaluation.quality import INPUT, UNSHARP
from sharpen_train.evaluation.session import Entrant, Evaluation
from sharpen_train.evaluation.tables import ordered_names

MOST_HARMED = 3


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Prints means and worst gains by condition, then a few lines for each candidate."""
    names = ordered_names(evaluation.entrants)
    table = Table(box=None, pad_edge=False)
    table.add_column("dB / SSIM")
    for name in (INPUT, UNSHARP, *names):
        table.add_column(Text(name), justify="right", overflow="fold")
    for condition in evaluation.scores.conditions:
        table.add_row(condition, *(_cell(evaluation, name, condition) for name in (INPUT, UNSHARP, *names)))
    console.print(table)
    console.print(Text("in colour: mean gain over the input in dB, and that of the worst picture", "dim"))
    for entrant in evaluation.entrants:
        _print_entrant(evaluation, entrant, console)
    for reason in evaluation.skipped:
        console.print(Text(f"skipped: {reason}"))


def _cell(evaluation: Evaluation, name: str, condition: str) -> Text:
    summary = evaluation.scores.summary(name, condition)
    if summary is None or (condition == IDENTITY and name == INPUT):
        return Text("–")
    text = Text(f"{summary.psnr_db:.2f} / {summary.ssim:.3f}")
    if condition == IDENTITY:
        text.append(f"  worst {summary.worst.psnr_db:.1f}", "green" if summary.worst.psnr_db >= IDENTITY_DB else "red")
    elif name != INPUT:
        text.append(f" {summary.gain_db:+.2f}", "green" if summary.gain_db >= 0 else "red")
        text.append(f" ({summary.worst_gain_db:+.2f})", "green" if summary.worst_gain_db >= 0 else "red")
    return text


def _print_entrant(evaluation: Evaluation, entrant: Entrant, console: Console) -> None:
    cost, scores = entrant.cost, evaluation.scores
    ways = [f"{way} {timing.p50_ms:.1f} ms" for way, timing in cost.timings.items()]
    facts = [f"{cost.parameters:,} weights", f"{cost.kmac_per_px:.1f} kMAC/px", *ways]
    console.print(Text(f"\n{entrant.name}{' (teacher)' if entrant.is_teacher else ''}: {', '.join(facts)}", "bold"))
    if ways:
        console.print(Text(f"  a frame is 1280x720; {evaluation.machine}"))
    if entrant.is_teacher:
        return
    goals = judge(evaluation, entrant.name)
    missed = [f"{goal.what} {goal.got} (goal {goal.wanted})" for goal in goals if not goal.met]
    console.print(Text(f"  {len(goals) - len(missed)} of {len(goals)} goals reached" + ("; missed:" if missed else "")))
    for line in missed:
        console.print(Text(f"    {line}"))
    for row, gain in scores.harmed(entrant.name)[:MOST_HARMED]:
        console.print(Text(f"  harmed: {row.picture}, {row.condition} {gain:+.2f} dB"))


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Returns everything that was measured in plain values; models first, then the teacher, then every picture."""
    return {
        "machine": evaluation.machine,
        "pictures": evaluation.pictures,
        "skipped": evaluation.skipped,
        "unsharp": {condition: {"sigma_px": mask[0], "amount": mask[1]} for condition, mask in evaluation.masks.items()},
        "models": [_entrant(evaluation, entrant) for entrant in evaluation.entrants],
        "edges": {name: asdict(edge) for name, edge in evaluation.edges.items()},
        "flicker": {name: [asdict(score) for score in scores] for name, scores in evaluation.flicker.items()},
        "results": [asdict(row) for row in evaluation.scores.rows],
    }


def _entrant(evaluation: Evaluation, entrant: Entrant) -> dict[str, Any]:
    scores, name = evaluation.scores, entrant.name
    summaries = {condition: summary for condition in scores.conditions if (summary := scores.summary(name, condition))}
    worst = scores.worst_gain(name)
    clips = evaluation.flicker.get(name)
    return {
        "name": name,
        "kind": entrant.kind,
        "teacher": entrant.is_teacher,
        "runs_on": entrant.runs_on,
        **asdict(entrant.cost),
        "scores": {condition: score.model_dump() for condition, score in scores.for_manifest(name).items()},
        "summary": {condition: asdict(summary) for condition, summary in summaries.items()},
        "worst_gain_db": None if worst is None else round(worst[1], 3),
        "harmed": [{"picture": row.picture, "condition": row.condition, "gain_db": round(gain, 3)} for row, gain in scores.harmed(name)],
        "flicker": flicker.pool(clips).still_ratio if clips else None,
        "goals": [asdict(goal) for goal in judge(evaluation, name)],
    }
