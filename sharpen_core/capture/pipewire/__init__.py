"""Cameras that exist in PipeWire only: those that libcamera drives, and those of other programs.

    camera ──▶ stream ──▶ sharpen_core.pipewire
    errors,    one node's newest picture
    RGB

Cameras with a device node of their own are read from there, by OpenCV.
"""
