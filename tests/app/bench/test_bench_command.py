"""`sharpened-camera bench` from the outside."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "sharpened_camera", "bench"]


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=110)


def test_networks_as_json_and_as_a_chart(tmp_path: Path) -> None:
    chart = tmp_path / "speed.svg"
    done = bench("--only", "network", "--quick", "--size", "96x64", "--threads", 1, "--json", "--plot", chart)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["complete"] is True
    assert report["machine"]["threads"] == 1
    assert {row["model"] for row in report["network"]} >= {"fast", "OpenCV unsharp mask"}
    assert "network: fast at 96x64" in done.stderr
    assert chart.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--only", "nonsense"), 2, "nonsense"),
        (("--size", "huge"), 2, "huge"),
        (("--threads", "0"), 2, "threads"),
        (("--only", "roof", "--plot", "x.svg"), 2, "network"),
        (("--model", "nope"), 41, "nope"),
        (("--plot", "/no/such/folder/x.svg"), 24, "folder"),
        (("--only", "stages", "--size", "9x9"), 14, "9x9"),
    ],
)
def test_bad_arguments(arguments: tuple[str, ...], code: int, words: str) -> None:
    done = bench(*arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert words in done.stderr


def test_a_chart_replaces_nothing_unless_told_to(tmp_path: Path) -> None:
    chart = tmp_path / "speed.svg"
    chart.write_text("precious", encoding="utf-8")
    done = bench("--only", "network", "--plot", chart)
    assert (done.returncode, chart.read_text(encoding="utf-8")) == (24, "precious")
    assert "--force" in done.stderr


def test_ctrl_c_prints_what_was_measured_and_leaves_no_chart(tmp_path: Path) -> None:
    arguments = ["--only", "network", "--only", "memory", "--size", "96x64", "--json", "--plot", str(tmp_path / "speed.svg")]
    process = subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    assert process.stderr is not None
    assert any(line.startswith("memory") for line in process.stderr)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    report = json.loads(stdout)
    assert report["complete"] is False
    assert report["network"]
    assert list(tmp_path.iterdir()) == []
