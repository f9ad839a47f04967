"""Lets `python -m sharpen_train` work."""

from sharpen_train.cli import main

main()
