"""Root's commands as setup uses them, on a computer below a folder: they do what the real ones do to its files, and keep a log."""

import stat

from computers import Bench

_HEAD = """#!/bin/sh
root='{root}'
echo "$(basename "$0") $*" >> "$root/log"
if [ -e "$root/fails-$(basename "$0")" ]; then cat "$root/fails-$(basename "$0")" >&2; exit 1; fi
make() {{ mkdir -p "$root/sys/class/video4linux/video$1" "$root/dev"; echo "$2" > "$root/sys/class/video4linux/video$1/name"
  echo 10 > "$root/sys/class/video4linux/video$1/max_openers"; : > "$root/dev/video$1"; }}
"""
_TOOLS = {
    # Of the settings only the numbers and labels matter here; the last file counts.
    "modprobe": """
if [ "$1" = -r ]; then
  for entry in "$root"/sys/class/video4linux/*; do [ -e "$entry/max_openers" ] && rm -r "$entry" "$root/dev/$(basename "$entry")"; done
  rm -r "$root/sys/module/v4l2loopback"; exit 0
fi
mkdir -p "$root/sys/module/v4l2loopback"; echo 0.15.0 > "$root/sys/module/v4l2loopback/version"
line=$(cat "$root"/etc/modprobe.d/*.conf | grep '^options v4l2loopback' | tail -n 1)
numbers=$(echo "$line" | sed 's/.*video_nr=\\([^ ]*\\).*/\\1/'); labels=$(echo "$line" | sed 's/.*card_label="\\([^"]*\\)".*/\\1/')
place=1; for number in $(echo "$numbers" | tr , ' '); do make "$number" "$(echo "$labels" | cut -d, -f$place)"; place=$((place + 1)); done
""",
    "v4l2loopback-ctl": """
case $1 in
add) make "${6#/dev/video}" "$3" ;;
delete) rm -r "$root/sys/class/video4linux/${2#/dev/}" "$root/dev/${2#/dev/}" ;;
esac
""",
    "udevadm": "",
}


def install_tools(bench: Bench) -> str:
    """Installs them; returns where commands are to be looked for."""
    folder = bench.root / "root-tools"
    folder.mkdir()
    for name, body in _TOOLS.items():
        tool = folder / name
        tool.write_text(_HEAD.format(root=bench.root) + body, encoding="utf-8")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:/usr/bin:/bin"


def log_of(bench: Bench) -> list[str]:
    """What was called, in order, without udev."""
    log = bench.root / "log"
    return [line for line in log.read_text(encoding="utf-8").splitlines() if not line.startswith("udevadm")] if log.exists() else []
