"""Measuring: how fast this machine sharpens, and where the time goes."""
