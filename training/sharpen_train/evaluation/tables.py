"""The tables of the report, as HTML."""

from collections.abc import Mapping, Sequence
from html import escape

from sharpen_train.evaluation import flicker
from sharpen_train.evaluation.conditions import IDENTITY
from sharpen_train.evaluation.cost import Timing
from sharpen_train.evaluation.goals import IDENTITY_DB, judge
from sharpen_train.evaluation.quality import INPUT, UNSHARP, Summary
from sharpen_train.evaluation.session import Entrant, Evaluation

COLOURS = 8
MOST_HARMED = 60


def colours(evaluation: Evaluation) -> dict[str, int]:
    """Returns the number of the colour class of each candidate; grey for the unsharp mask."""
    return {UNSHARP: 0} | {entrant.name: 1 + number % (COLOURS - 1) for number, entrant in enumerate(evaluation.entrants)}


def entrants_table(evaluation: Evaluation) -> str:
    """Returns what each candidate is and costs."""
    head = ("", "runs on", "weights", "kMAC/px", "ms per 1280x720 frame, p50 (p95)")
    numbers = colours(evaluation)
    rows = [
        (
            f'<td class="name"><span class="dot c{numbers[entrant.name]}"></span>{_name(entrant)}</td>',
            f'<td class="left">{escape(entrant.runs_on)}</td>',
            f"<td>{entrant.cost.parameters:,}</td>",
            f"<td>{entrant.cost.kmac_per_px:,.1f}</td>",
            f"<td>{'<br>'.join(_timing(way, timing) for way, timing in entrant.cost.timings.items()) or '–'}</td>",
        )
        for entrant in evaluation.entrants
    ]
    return _table(head, rows, f"Scored on the engine named. Timed before the scoring: {evaluation.machine}.")


def _name(entrant: Entrant) -> str:
    return escape(entrant.name) + (" <small>teacher</small>" if entrant.is_teacher else "")


def _timing(way: str, timing: Timing) -> str:
    about = "about " if timing.scaled else ""
    return f"{escape(way)} {about}{timing.p50_ms:,.1f} ({timing.p95_ms:,.1f})"


def goals_table(evaluation: Evaluation) -> str:
    """Returns what a student should reach and what each model did."""
    columns = {entrant.name: {goal.what: goal for goal in judge(evaluation, entrant.name)} for entrant in evaluation.models}
    first = next(iter(columns.values()))
    rows = [
        (
            f'<td class="name">{escape(what)}</td><td>{escape(goal.wanted)}</td>',
            *(_verdict(goals[what].got, met=goals[what].met) if what in goals else "<td>–</td>" for goals in columns.values()),
        )
        for what, goal in first.items()
    ]
    return _table(("", "goal", *columns), rows)


def _verdict(text: str, *, met: bool) -> str:
    return f'<td class="{"good" if met else "bad"}">{"✓" if met else "✗"} {escape(text)}</td>'


def summary_table(evaluation: Evaluation) -> str:
    """Returns means and worst gains by condition and candidate."""
    names = [INPUT, UNSHARP, *ordered_names(evaluation.entrants)]
    rows: list[Sequence[str]] = []
    for condition in evaluation.scores.conditions:
        cells = [_summary(evaluation.scores.summary(name, condition), condition, name) for name in names]
        count = len(evaluation.scores.of(INPUT, condition))
        rows.append((f"<td>{escape(condition)}<small>{count} picture{'s' * (count != 1)}</small></td>", *cells))
    caption = "Mean RGB PSNR in dB / mean SSIM of luma; below: mean gain over the input in dB, and that of the worst picture."
    return _table(("", *names), rows, caption)


def ordered_names(entrants: Sequence[Entrant]) -> list[str]:
    """Returns the names in the order of tables: teacher, then models."""
    return [entrant.name for entrant in sorted(entrants, key=lambda entrant: not entrant.is_teacher)]


def _summary(summary: Summary | None, condition: str, name: str) -> str:
    if summary is None:
        return "<td>–</td>"
    if condition == IDENTITY:
        if name == INPUT:
            return "<td>perfect</td>"
        worst = summary.worst.psnr_db
        return f"<td>{summary.psnr_db:.2f} / {summary.ssim:.4f}<small>worst {_signed(worst, f'{worst:.1f} dB', IDENTITY_DB)}</small></td>"
    means = f"{summary.psnr_db:.2f} / {summary.ssim:.4f}"
    if name == INPUT:
        return f"<td>{means}</td>"
    gain, worst = summary.gain_db, summary.worst_gain_db
    tip = escape(summary.worst.picture, quote=True)
    return (
        f"<td>{means}<small>{_signed(gain, f'{gain:+.2f}')}"
        f' · <span title="{tip}">worst {_signed(worst, f"{worst:+.2f}")}</span></small></td>'
    )


def _signed(value: float, text: str, least: float = 0.0) -> str:
    return f'<span class="{"good" if value >= least else "bad"}">{text}</span>'


def harm_table(evaluation: Evaluation, name: str) -> str:
    """Returns the pictures that a model left worse than their input; nothing if there are none."""
    harmed = evaluation.scores.harmed(name)
    if not harmed:
        return f"<p>{escape(name)}: no picture is more than 0.1 dB below its input.</p>"
    rows = [
        (
            f'<td class="name">{escape(row.picture)}</td>',
            f'<td class="left">{escape(row.condition)}</td>',
            f'<td class="bad">{gain:+.2f}</td>',
        )
        for row, gain in harmed[:MOST_HARMED]
    ]
    more = f", the {MOST_HARMED} worst of them" if len(harmed) > MOST_HARMED else ""
    title = f"{escape(name)}: {len(harmed)} results are more than 0.1 dB below their input{more}"
    return f"<details><summary>{title}</summary>{_table(('picture', 'condition', 'gain in dB'), rows)}</details>"


def edges_table(evaluation: Evaluation) -> str:
    """Returns MTF50, overshoot and noise gain by level and candidate."""
    levels = list(next(iter(evaluation.edges.values())).levels)
    rows = [
        (
            f'<td class="name">{escape(name)}</td>',
            *(
                f"<td>{edge.levels[level].gain - 1:+.0%}<small>overshoot {edge.levels[level].output_overshoot_percent:.1f} %, "
                f"worst {edge.levels[level].worst_overshoot_percent:.1f} %</small></td>"
                for level in levels
            ),
            f"<td>{edge.noise_gain:.2f} × / {edge.smeared_noise_gain:.2f} ×</td>",
        )
        for name, edge in evaluation.edges.items()
    ]
    caption = (
        "MTF50 of the output over that of the input, means over all edges. "
        "Noise of flat areas, output over input: white / blurred with the picture."
    )
    return _table(("", *(f"MTF50, {level}" for level in levels), "noise"), rows, caption)


def flicker_table(evaluation: Evaluation) -> str:
    """Returns temporal noise and warping error by clip and candidate."""
    names = list(evaluation.flicker)
    clips = [score.clip for score in evaluation.flicker[names[0]]]
    columns = {name: [*scores, flicker.pool(scores)] for name, scores in evaluation.flicker.items()}
    rows = [
        (
            f'<td class="name">{escape(clip)}</td>',
            *(f"<td>{_ratio(columns[name][number].still_ratio)} / {_ratio(columns[name][number].moving_ratio)}</td>" for name in names),
        )
        for number, clip in enumerate([*clips, "all clips"])
    ]
    caption = (
        "Temporal noise of what stands still / warping error of what moves, output over input. – : nothing stands still, or nothing moves."
    )
    return _table(("", *names), rows, caption)


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Returns a table in a box that scrolls sideways; `head` is text, cells are HTML."""
    left = {"runs on", "condition"}
    heads = "".join(f'<th class="left">{escape(text)}</th>' if text in left else f"<th>{escape(text)}</th>" for text in head)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    title = f'<p class="caption">{escape(caption)}</p>' if caption else ""
    return (
        f'<div class="card table">{title}<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div></div>'
    )


def legend(names: Mapping[str, int]) -> str:
    """Returns coloured dots with names."""
    dots = "".join(f'<span><span class="dot c{number}"></span>{escape(name)}</span>' for name, number in names.items())
    return f'<div class="legend">{dots}</div>'
