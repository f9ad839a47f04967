"""Nothing leaves the computer: no connection is ever opened, and nothing inherits the open camera."""

import subprocess
import sys
from pathlib import Path

WATCHED = """
import sys
seen = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "os.fork", "os.posix_spawn", "subprocess.Popen"):
        seen.append((event, str(arguments)[:200]))
sys.addaudithook(watch)
from sharpened_camera import cli
cli._leave = lambda code: (print(code, seen), sys.exit(0))
cli.main()
"""


def test_a_whole_session_connects_to_nothing_and_starts_no_process(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        WATCHED,
        "run",
        "--camera",
        "test",
        "--size",
        "160x120",
        "--frames",
        "30",
        "--output",
        str(tmp_path / "out.mp4"),
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
