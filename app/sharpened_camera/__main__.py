"""The very start of the program: before anything slow is imported, Ctrl-C and SIGTERM already end it without a word."""

import os
import signal
from typing import NoReturn


def main() -> NoReturn:
    """Runs the command line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: os._exit(128 + received))  # nothing has begun, so nothing needs an end
    # NumPy's BLAS lets its threads spin for 30 ms after each product, a fifth of a core at the rate of a call. Ours are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from sharpened_camera import cli

    cli.main()


if __name__ == "__main__":
    main()
