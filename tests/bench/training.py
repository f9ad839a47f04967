"""`make bench`: throughput of training, ours against the plain loop, measured on this machine.

Each network is measured by the command that anyone can run. Leave the machine alone meanwhile.
"""

import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

PROGRAM = str(Path(sys.executable).with_name("sharpen-train"))
NETWORKS = {"nafnet-tiny": (), "two-scale-16-32x6": ()}


def main() -> None:
    """Prints one table."""
    table = Table(title="training throughput")
    for column in ("network", "plain loop, patches/s", "ours, patches/s", "ratio", "ms per step (p95)", "waiting for data"):
        table.add_column(column, justify="left" if column == "network" else "right")
    titles: list[str] = []
    for network, options in NETWORKS.items():
        command = [PROGRAM, "bench", "--arch", network.partition(",")[0], *options, "--json"]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=900).stdout.splitlines()[-1])
        plain, ours = report["loops"]
        titles.append(report["title"])
        table.add_row(
            network,
            f"{plain['patches_per_s']:.1f}",
            f"{ours['patches_per_s']:.1f}",
            f"{report['ratio']:.2f}",
            f"{ours['step_ms']:.0f} ({ours['p95_ms']:.0f})",
            f"{ours['waiting_share']:.1%}",
        )
    console = Console(width=140, highlight=False)
    console.print(table)
    for title in dict.fromkeys(titles):
        console.print(title, markup=False)


if __name__ == "__main__":
    main()
