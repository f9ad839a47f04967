"""Keeping what the network did to parts of the picture that stand still."""
