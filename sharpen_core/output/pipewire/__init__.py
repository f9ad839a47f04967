"""The camera that Linux programs see through PipeWire: no root, no kernel module.

    output ──▶ backend ──▶ source ──▶ sharpen_core.pipewire
    letterbox,  comes back   one node,
    YUV         by itself    its buffers

Nothing of PipeWire is loaded before it is used. The names to import are in `output` and `status`.
"""
