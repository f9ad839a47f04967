"""PipeWire as both sides use it: libpipewire through ctypes, a connection with what is in the graph, and how parameters are written.

    capture/pipewire ─┐
                      ├──▶ connection ──▶ library
    output/pipewire ──┘

Nothing is loaded before it is used.
"""
