#!/bin/sh
# Makes sure of what pip cannot install, on Debian and Ubuntu: as root it installs, otherwise it says what to type.
#   prepare.sh venv DIR   a virtual environment in DIR, of Python 3.11 or newer ($PYTHON)
#   prepare.sh qt DIR     the system libraries that Qt needs, tried with the environment in DIR
set -eu
python=${PYTHON:-python3}
qt_libraries="libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-image0 libxcb-render-util0
 libxcb-shape0 libxcb-xinerama0 libdbus-1-3 libfontconfig1 fonts-dejavu-core"

install() { # install PURPOSE PACKAGE...
    purpose=$1
    shift
    if ! command -v apt-get >/dev/null; then
        echo "$purpose is missing; install your distribution's packages for: $*" >&2
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "$purpose is missing; type: sudo apt-get install $*" >&2
        exit 1
    fi
    echo "installing $purpose ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

has_qt() { # the offscreen part of Qt loads, and on Linux also every library of its X11 part is there
    QT_QPA_PLATFORM=offscreen "$1/bin/python" -c '
import pathlib, subprocess, sys
import PySide6, PySide6.QtWidgets
if sys.platform == "linux":
    plugin = pathlib.Path(PySide6.__file__).parent / "Qt/plugins/platforms/libqxcb.so"
    sys.exit("not found" in subprocess.run(["ldd", plugin], capture_output=True, text=True).stdout)
' 2>/dev/null
}

case $1 in
venv)
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or newer is needed, and $python is not; name another with: make PYTHON=python3.12" >&2
        exit 1
    }
    "$python" -c 'import ensurepip' 2>/dev/null || install "Python's venv module" python3-venv
    "$python" -m venv "$2"
    ;;
qt)
    # shellcheck disable=SC2086  (the list is meant to be split)
    has_qt "$2" || install "a system library that Qt needs" $qt_libraries
    has_qt "$2" || { echo "Qt does not load; see: QT_DEBUG_PLUGINS=1 $2/bin/sharpened-camera" >&2; exit 1; }
    ;;
esac
