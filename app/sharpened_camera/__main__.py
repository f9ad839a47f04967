"""Lets `python -m sharpened_camera` work."""

from sharpened_camera.cli import main

main()
