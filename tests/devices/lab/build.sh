#!/bin/sh
# Makes what the device tests run on and prints the folder that it is in, on Debian and Ubuntu:
#   linux             a user-mode kernel, built from the distribution's own source
#   modules-0.12.7/   lib/modules/RELEASE with the vivid camera and v4l2loopback 0.12.7
#   modules-0.15.0/   the same with v4l2loopback 0.15.0
# Kept by source version under $SHARPENED_CAMERA_DEVICES, by default ~/.cache/sharpened-camera-devices: built once, in minutes.
# Exit code 77: this machine cannot run them; the reason is the last line on stderr.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
store=${SHARPENED_CAMERA_DEVICES:-${XDG_CACHE_HOME:-$HOME/.cache}/sharpened-camera-devices}
archive=http://deb.debian.org/debian
keys=/usr/share/keyrings/debian-archive-keyring.gpg
to_run="chromium xvfb kmod udev fonts-dejavu-core"
pipewire="pipewire wireplumber dbus-daemon libglib2.0-bin xdg-desktop-portal xdg-desktop-portal-gtk firefox-esr" # test_pipewire_browser.py
to_build="gcc make libc6-dev flex bison bc libelf-dev xz-utils debian-archive-keyring"

cannot() {
    echo "the device tests cannot run here: $*" >&2
    exit 77
}

missing() { # missing PACKAGE...: those that are not installed
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}

update() { # fetches the lists of packages, once
    [ -n "${updated:-}" ] && return
    [ "$(id -u)" = 0 ] || cannot "apt's lists are empty, and only root may fetch them: sudo apt-get update"
    apt-get update -qq >&2 && updated=yes || cannot "apt cannot fetch its lists of packages"
}

need() { # need PACKAGE...
    wanted=$(missing "$@" | tr '\n' ' ')
    [ -n "$wanted" ] || return 0
    [ "$(id -u)" = 0 ] || cannot "packages are missing, and only root may install them: sudo apt-get install $wanted"
    update
    echo "installing $wanted..." >&2
    # shellcheck disable=SC2086  (the list is meant to be split)
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null 2>"$log" ||
        cannot "apt cannot install $wanted: $(tail -1 "$log")"
}

candidate() { # the version of a package that apt would install; empty if it knows none
    apt-cache policy "$1" | sed -n 's/^ *Candidate: //p' | grep -v '(none)' || true
}

unpack_kernel() { # unpacks the distribution's kernel source into $work/kernel, but for half of its files, which are of other machines
    (cd "$work" && apt-get download -qq "$source") >"$log" 2>&1 || cannot "apt cannot download $source: $(tail -1 "$log")"
    mkdir "$work/kernel" && dpkg -x "$work/$source"_*.deb "$work/package"
    tar -C "$work/kernel" --strip-components=1 --exclude='*/arch/[!ux]*/*.[chS]' --exclude='*/boot/dts/*' --exclude='*/Documentation/*/*' --exclude='*/tools/testing' \
        --exclude='*/tools/perf' --exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/net/*/*.[ch]' --exclude='*/drivers/staging/*.[ch]' \
        --exclude='*/drivers/infiniband/*.[ch]' --exclude='*/drivers/scsi/*.[ch]' --exclude='*/sound/*.[ch]' \
        -xf "$work"/package/usr/src/linux-source-*.tar.xz
    rm -r "$work/package"
}

unpack_loopback() { # unpack_loopback VERSION SUITE: v4l2loopback as that Debian has it, into $work/v4l2loopback-VERSION
    apt=$work/apt-$2
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    echo "deb [signed-by=$keys] $archive $2 main" >"$apt/sources.list"
    cat >"$apt/conf" <<END
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt";
Acquire::Languages "none";
END
    (
        cd "$apt" && export APT_CONFIG="$apt/conf"
        apt-get update -qq && apt-get download -qq v4l2loopback-dkms
    ) >"$log" 2>&1 || cannot "v4l2loopback $1 cannot be downloaded from Debian $2: $(tail -1 "$log")"
    dpkg -x "$apt"/v4l2loopback-dkms_"$1"-*.deb "$apt/package" || cannot "Debian $2 has another v4l2loopback than $1"
    mv "$apt/package/usr/src/v4l2loopback-$1" "$work"
}

kernel_make() { # make in the kernel's tree, with its output in the log
    nice -n 10 make -s -C "$work/kernel" O="$work/objects" ARCH=um -j"$(nproc)" "$@" >>"$log" 2>&1 ||
        { tail -30 "$log" >&2; cannot "the kernel cannot be built; the end of its log is above"; }
}

build() { # build FOLDER
    echo "building the kernel from $source $version; this takes some minutes, once ..." >&2
    unpack_kernel
    unpack_loopback 0.12.7 bookworm
    unpack_loopback 0.15.0 trixie
    mkdir "$work/objects" "$work/made"
    kernel_make KCONFIG_ALLCONFIG="$here/kernel.config" allnoconfig
    kernel_make linux modules
    release=$(cat "$work/objects/include/config/kernel.release")
    cp "$work/objects/linux" "$work/made"
    for loopback in 0.12.7 0.15.0; do
        tree=$work/made/modules-$loopback
        kernel_make INSTALL_MOD_PATH="$tree" modules_install
        kernel_make M="$work/v4l2loopback-$loopback" modules
        cp "$work/v4l2loopback-$loopback/v4l2loopback.ko" "$tree/lib/modules/$release/"
        rm -f "$tree/lib/modules/$release/build" "$tree/lib/modules/$release/source"
        /sbin/depmod -b "$tree" "$release"
    done
    mv "$work/made" "$1"
}

try_out() { # try_out FOLDER: boots the kernel with a first process that ends at once, after which there is nothing but to panic
    memory=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    [ "$memory" -ge 4000000 ] || cannot "a guest takes 3 GiB of memory, and $((memory / 1024)) MiB are free"
    timeout 60 "$1/linux" mem=64M root=none rootfstype=hostfs rootflags=/ ro quiet con=null con1=null,fd:1 console=tty1 init=/bin/true \
        </dev/null >"$log" 2>&1 || true
    grep -q 'Attempted to kill init! exitcode=0x00000000' "$log" ||
        cannot "a user-mode kernel does not start: $(tr -d '\r' <"$log" | grep . | tail -1)"
}

[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || cannot "the kernel runs on Linux on x86-64 only"
command -v apt-get >/dev/null || cannot "there is no apt to get the kernel's source from"
mkdir -p "$store" || cannot "$store cannot be made"
work=$(mktemp -d "$store/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
log=$work/log
# shellcheck disable=SC2086
need $to_run $pipewire
[ -n "$(candidate linux-source)" ] || update
[ -n "$(candidate linux-source)" ] || cannot "apt knows no kernel source (linux-source)"
source=$(apt-cache depends linux-source | sed -n 's/^ *Depends: \(linux-source-[0-9.]*\)$/\1/p')
version=$(candidate "$source")
recipe=$(sed -n '/^unpack_kernel/,/^try_out/p' "$here/build.sh" | cat - "$here/kernel.config" | cksum | cut -d' ' -f1)
made=$store/$source-$version-$recipe
if [ ! -d "$made" ]; then
    # shellcheck disable=SC2086
    need $to_build
    build "$made"
fi
try_out "$made"
echo "$made"
