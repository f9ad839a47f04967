"""Sharpened Camera: the window and the command line."""
