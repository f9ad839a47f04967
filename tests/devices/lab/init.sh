#!/bin/sh
# The first process of the guest: turns the host's file system, mounted read-only, into a machine of its own, and runs guest.py.
#   init.sh SHARE PYTHON MODULES   the folder that host and guest share; the Python to use; the tree with the kernel's modules
set -eu
share=$1 python=$2 modules=$3
lab=$(dirname "$0")
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8

# Everything may be written, and is forgotten at the end: a layer in memory lies over the host's files.
mount -t tmpfs guest /mnt
mkdir /mnt/written /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/written,workdir=/mnt/work guest /mnt/root
cd /mnt/root
mount -t proc proc proc
mount -t sysfs sys sys
mount -t devtmpfs dev dev
mkdir -p dev/shm dev/pts
mount -t tmpfs shm dev/shm
mount -t devpts pts dev/pts
mount -t tmpfs run run
mkdir -p run/share run/home run/user run/lock "lib/modules/$(uname -r)"
chmod 700 run/user
mount -t hostfs none run/share -o "$share"
mount --bind "$modules/lib/modules/$(uname -r)" "lib/modules/$(uname -r)"
rm -rf tmp/.X11-unix tmp/.X*-lock # the host's, in the layer only
mkdir -m 1777 tmp/.X11-unix
pivot_root . mnt
export HOME=/run/home XDG_RUNTIME_DIR=/run/user

if [ -x /lib/systemd/systemd-udevd ]; then # as on a desktop: browsers and the program hear of new cameras from it
    /lib/systemd/systemd-udevd --daemon
fi
cd /run/home
exec "$python" "$lab/guest.py" /run/share
