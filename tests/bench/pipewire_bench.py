"""What PipeWire delivers: frames to two readers, and processor time, at 1280x720 and 30 fps.

Run on its own. Starts a PipeWire of its own, so that nothing shows on the desktop, and prints one JSON object.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from pipewire_session import pipewire_session, until

from sharpen_core.frame import Size
from sharpen_core.output.pipewire.backend import PipeWireBackend

SIZE, FPS, SECONDS, READERS = Size(720, 1280), 30, 12, 2


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    wanted = FPS * SECONDS
    with tempfile.TemporaryDirectory() as folder, pipewire_session(Path(folder)) as session:
        code = int.from_bytes(b"I420", "little")
        camera = PipeWireBackend(width=SIZE.width, height=SIZE.height, fps=FPS, fourcc=code, device="Sharpened Camera")
        readers = [session.read("sharpened-camera", "I420", SIZE, 10**6, "--timeout-s", SECONDS + 3) for _ in range(READERS)]
        until(lambda: camera.watchers() == READERS, "the readers")
        time.sleep(0.5)  # the links are there; the readers agree on a format
        frame = np.empty(SIZE.height * SIZE.width * 3 // 2, np.uint8)
        sends_ms = []
        began_cpu_s, began_s = cpu_s(), time.monotonic()
        for number in range(wanted):
            frame[:] = number % 256
            sent_s = time.monotonic()
            camera.send(frame)
            sends_ms.append((time.monotonic() - sent_s) * 1000)
            time.sleep(max(0.0, began_s + (number + 1) / FPS - time.monotonic()))
        took_cpu_s = cpu_s() - began_cpu_s
        seen = [reader.result() for reader in readers]
        camera.close()
    figures = {
        "sent": wanted,
        "delivered": [len(one["numbers"]) for one in seen],
        "share": [round(len(one["numbers"]) / wanted, 4) for one in seen],
        "first": [one["numbers"][0] for one in seen],
        "torn": sum(one["torn"] for one in seen),
        "cpu_s": round(took_cpu_s, 2),
        "send_ms": {f"p{share}": round(float(np.percentile(sends_ms, share)), 2) for share in (50, 95, 99)},
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
