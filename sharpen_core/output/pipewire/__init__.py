"""The camera that Linux programs see through PipeWire: no root, no kernel module.

    output ──▶ backend ──▶ source ──▶ connection ──▶ library (libpipewire through ctypes)
    letterbox,  comes back   one node,    a thread,
    YUV         by itself    its buffers  the graph

Nothing of PipeWire is loaded before it is used. The names to import are in `output` and `status`.
"""
