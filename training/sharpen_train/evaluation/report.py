"""The evaluation as one HTML file that needs nothing else: tables, plots, and crops at 200 %."""

import base64
import csv
import io
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from html import escape
from importlib.resources import files
from pathlib import Path

import cv2

from sharpen_train.errors import ConfigError, DiskFullError
from sharpen_train.evaluation import plots, tables
from sharpen_train.evaluation.conditions import CONDITIONS, IDENTITY
from sharpen_train.evaluation.crops import TRUTH, Strip
from sharpen_train.evaluation.goals import GAIN_GOALS_DB
from sharpen_train.evaluation.plots import Series
from sharpen_train.evaluation.quality import HARM_DB, INPUT, UNSHARP
from sharpen_train.evaluation.session import Evaluation
from sharpen_train.metrics import Picture

# Crops are embedded without loss while that fits; a report should open on a phone and travel by mail.
MOST_LOSSLESS_BYTES = 8 << 20
SCALE = 2

Encode = Callable[[Picture], tuple[str, bytes]]

HOW = """
<p>Every picture is scored whole, in overlapping tiles where the network needs them. The sharp picture (brought to the scale at which
it is sharp) is softened with draws that are the same in every evaluation, sharpened, and compared with itself. PSNR is over RGB, SSIM
over luma (BT.601) with an 11x11 Gaussian window of sigma 1.5, both on rounded 8-bit values.</p>
<p><b>heavy, medium, low</b>: shrunk by 1.7–2.2, 1.5 or 1.2 with bicubic interpolation (without antialiasing), enlarged back, and
blurred with a Gaussian of sigma 1.2–1.5, 0.8 or 0.4 px; <b>+jpeg</b>: then compressed at quality 50–95, 4:2:0.
<b>real blur</b>: photographed pairs. <b>identity</b>: the sharp picture itself, which should come back as it is.</p>
<p>The unsharp mask is tuned for each condition on the middles of these very pictures, and told the condition: more than it would know
in life. A picture counts as harmed if it ends more than 0.1 dB below its input. Slanted edges are measured as cameras are (ISO
12233).</p>
"""


def check_writable(path: Path) -> None:
    """Makes sure, before any long work, that a report can be written.

    Raises:
        ConfigError: it cannot.
    """
    if path.is_dir():
        raise ConfigError(f"the report {path} would replace a folder", "Give a file, such as report.html.")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent} for the report", "Make it, or give another path.")
    place = path if path.exists() else path.parent
    if not os.access(place, os.W_OK):
        raise ConfigError(f"the report {path} cannot be written", "Give another path.")


def write_report(path: Path, evaluation: Evaluation, data: str) -> None:
    """Writes the report; an older one stays until the new one is complete.

    Raises:
        DiskFullError: it cannot be written to its end.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(render(evaluation, data), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise DiskFullError(f"cannot write the report {path}: {error.strerror or error}", "Make room, or give another path.") from error
    finally:
        part.unlink(missing_ok=True)


def render(evaluation: Evaluation, data: str) -> str:
    """Returns the report as HTML.

    Args:
        evaluation: what was measured.
        data: name of the pictures' folder.
    """
    title = "Evaluation of " + ", ".join(entrant.name for entrant in evaluation.models)
    style = files("sharpen_train.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    parts = [_header(evaluation, data, title), _quality(evaluation), _harm(evaluation)]
    if evaluation.edges:
        parts.append(_edges(evaluation))
    if evaluation.flicker:
        parts.append("<h2>Flicker on clips</h2>" + tables.flicker_table(evaluation))
    if evaluation.strips:
        parts.append(_crops(evaluation))
    parts.append(f"<h2>How it was measured</h2>{HOW}{_download(evaluation)}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _header(evaluation: Evaluation, data: str, title: str) -> str:
    made = time.strftime("%d %B %Y, %H:%M")
    pictures = f"{evaluation.pictures} picture{'s' * (evaluation.pictures != 1)}"
    count = len(evaluation.scores.conditions)
    about = f"{pictures} of {escape(data)} in {count} condition{'s' * (count != 1)}; {made}"
    skipped = "".join(f'<p class="bad">Skipped: {escape(reason)}.</p>' for reason in evaluation.skipped)
    return (
        f'<h1>{escape(title)}</h1><p class="soft">{about}</p>{skipped}'
        f"{tables.entrants_table(evaluation)}<h2>Goals</h2>{tables.goals_table(evaluation)}"
    )


def _quality(evaluation: Evaluation) -> str:
    colours = tables.colours(evaluation)
    parts = [f"<h2>Quality</h2>{tables.summary_table(evaluation)}"]
    conditions = [condition for condition in evaluation.scores.conditions if condition != IDENTITY]
    if conditions:
        marks = {condition: GAIN_GOALS_DB[condition][0] for condition in conditions}
        title = "<h3>Mean gain over the input, in dB; dashes mark the goals</h3>"
        chart = plots.bars(conditions, _gain_bars(evaluation, conditions), "dB", marks)
        parts.append(f'<div class="card">{title}{tables.legend(colours)}<div class="wide">{chart}</div></div>')
        prices = {entrant.cost.kmac_per_px for entrant in evaluation.entrants}
        price = f'<div class="card">{_price(evaluation, conditions)}</div>' if len(prices) > 1 else ""
        parts.append(f'<div class="two"><div class="card">{_sorted(evaluation)}</div>{price}</div>')
    return "".join(parts)


def _gain_bars(evaluation: Evaluation, conditions: Sequence[str]) -> list[Series]:
    series: list[Series] = []
    for name, colour in tables.colours(evaluation).items():
        summaries = [evaluation.scores.summary(name, condition) for condition in conditions]
        series.append(Series(name, colour, [(number, summary.gain_db if summary else 0.0) for number, summary in enumerate(summaries)]))
    return series


def _sorted(evaluation: Evaluation) -> str:
    series: list[Series] = []
    labels: dict[str, list[str]] = {}
    for name, colour in tables.colours(evaluation).items():
        rows = [
            (evaluation.scores.gain_db(row), row) for row in evaluation.scores.rows if row.candidate == name and row.condition != IDENTITY
        ]
        rows.sort(key=lambda pair: pair[0])
        series.append(Series(name, colour, [(number / max(1, len(rows) - 1), gain) for number, (gain, _) in enumerate(rows)]))
        labels[name] = [f"{row.picture}, {row.condition}" for _, row in rows]
    return f"<h3>Every result, sorted; the worst is ringed</h3>{plots.sorted_gains(series, labels, -HARM_DB)}"


def _price(evaluation: Evaluation, conditions: Sequence[str]) -> str:
    colours = tables.colours(evaluation)
    series: list[Series] = []
    for entrant in evaluation.entrants:
        gains = [summary.gain_db for condition in conditions if (summary := evaluation.scores.summary(entrant.name, condition))]
        series.append(Series(entrant.name, colours[entrant.name], [(entrant.cost.kmac_per_px, sum(gains) / len(gains))]))
    return f"<h3>Gain against cost</h3>{plots.scatter(series, 'kMAC per pixel', 'mean gain in dB')}"


def _harm(evaluation: Evaluation) -> str:
    lists = "".join(tables.harm_table(evaluation, entrant.name) for entrant in evaluation.entrants)
    return f'<h2>Harm</h2><div class="card">{lists}</div>'


def _edges(evaluation: Evaluation) -> str:
    colours = tables.colours(evaluation)
    cards: list[str] = []
    for level in next(iter(evaluation.edges.values())).levels:
        first = next(iter(evaluation.edges.values())).levels[level]
        series = [Series(INPUT, 0, list(zip(first.frequencies, first.input_mtf, strict=True)))]
        for name, edge in evaluation.edges.items():
            series.append(
                Series(name, colours[name], list(zip(edge.levels[level].frequencies, edge.levels[level].output_mtf, strict=True)))
            )
        chart = plots.lines(series, "cycles per pixel", "contrast left", dashed=(INPUT,), least_y=0.0)
        cards.append(f'<div class="card"><h3>{escape(level)}</h3>{chart}</div>')
    note = '<p class="soft">Grey and dashed is the input; a line above 1 is contrast that was never there.</p>'
    table = tables.edges_table(evaluation)
    return f'<h2>Slanted edges</h2>{table}{tables.legend(colours)}{note}<div class="two">{"".join(cards)}</div>'


def _crops(evaluation: Evaluation) -> str:
    encode: Encode = _lossless
    if sum(len(encode(crop)[1]) for strip in evaluation.strips for crop in strip.crops.values()) * 4 / 3 > MOST_LOSSLESS_BYTES:
        encode = _lossy
    kept = "without loss" if encode is _lossless else "as JPEG of quality 92, 4:4:4"
    names = [INPUT, UNSHARP, *tables.ordered_names(evaluation.entrants), TRUTH]
    parts = [f'<h2>Crops at 200 %</h2><p class="soft">Each pixel is drawn as a square of four; embedded {kept}. {_REASONS}</p>']
    for condition in CONDITIONS:
        strips = [strip for strip in evaluation.strips if strip.wish.condition == condition]
        if strips:
            parts.append(f"<h3>{escape(condition)}</h3>" + "".join(_strip(strip, names, encode) for strip in strips))
    return "".join(parts)


_REASONS = (
    "Worst, median and best are by the first model's gain on the whole picture; the crop of the worst lies where that model does most "
    "harm or leaves most to do, of the best where it does most good, of the others where there is most to see."
)


def _strip(strip: Strip, names: Sequence[str], encode: Encode) -> str:
    wish = strip.wish
    figures = "".join(_figure(name, strip.crops[name], encode) for name in names if name in strip.crops)
    gain = "" if wish.condition == IDENTITY else f" · {wish.gain_db:+.2f} dB"
    return f'<div class="strip"><p><b>{wish.reason}</b> · {escape(wish.picture)}{gain}</p><div class="crops">{figures}</div></div>'


def _figure(name: str, crop: Picture, encode: Encode) -> str:
    kind, data = encode(crop)
    height, width = crop.shape[:2]
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    size = f'width="{SCALE * width}" height="{SCALE * height}"'
    return f'<figure><img src="{source}" {size} alt="{escape(name, quote=True)}"><figcaption>{escape(name)}</figcaption></figure>'


def _lossless(crop: Picture) -> tuple[str, bytes]:
    _, data = cv2.imencode(".webp", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 101])  # above 100: without loss
    return "webp", data.tobytes()


def _lossy(crop: Picture) -> tuple[str, bytes]:
    """WebP cannot: it always halves the resolution of colour, which is some of what is to be judged."""
    full_colour = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), full_colour)
    return "jpeg", data.tobytes()


def _download(evaluation: Evaluation) -> str:
    text = io.StringIO(newline="")
    rows = [asdict(row) for row in evaluation.scores.rows]
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    data = base64.b64encode(text.getvalue().encode()).decode()
    return f'<p><a download="evaluation.csv" href="data:text/csv;base64,{data}">Every result as a table (CSV)</a></p>'
