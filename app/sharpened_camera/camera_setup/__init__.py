"""`setup`: makes the virtual camera exist for good, and undoes just that.

    plan ──▶ what is shown ──▶ script ──▶ /bin/sh as root ──▶ what came of it
    (reads)   and agreed to     (fixed)    (pkexec or sudo)

On Linux only the script runs as root, and it is printed by `--dry-run`. Windows and macOS have guides of their own.
"""
