"""The whole chain: webcam, program, virtual camera, call."""

import itertools
import shutil
import statistics
import time

import cv2
import pytest
from device_lab import NAME, PROGRAM, Lab, code_of_writer, psnr, read_png, write_png

from sharpen_core.capture.testscene import Stage, draw_scene
from sharpen_core.frame import Size

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

SIZE, FPS = (640, 360), 10


def test_call(lab: Lab, request: pytest.FixtureRequest) -> None:
    """The call lists our camera by its name and gets every frame in the right size and colours, moving, at the webcam's rate."""
    seconds = 60 * request.config.getoption("--call-minutes", 0.5)
    program = lab.run().wait_until_live()
    lab.call.open()
    assert lab.call.join() is None
    assert NAME in lab.call.cameras()
    lab.call.wait_for(lambda frame: frame.is_camera())
    lab.call.watch(2)
    frames = []
    while not frames or frames[-1].at_s - frames[0].at_s < seconds:
        frames += lab.call.watch(5)
    lab.call.picture("call")
    ended = program.end()

    gaps_s = [after.sent_s - before.sent_s for before, after in itertools.pairwise(frames)]
    rate_fps = len(gaps_s) / (frames[-1].at_s - frames[0].at_s)
    wrong = [frame for frame in frames if frame.size != SIZE or not frame.is_camera()]
    lab.keep(
        "call", frames=len(frames), wrong=len(wrong), call_fps=rate_fps, sent_fps=ended.report["fps"],
        camera_fps=ended.report["camera_fps"], median_gap_ms=1000 * statistics.median(gaps_s), longest_gap_ms=1000 * max(gaps_s),
        latency_ms=ended.report["latency_ms"], sharpened=ended.report["frames_sharpened"], sent=ended.report["frames_sent"],
    )  # fmt: skip
    assert wrong == []
    assert not lab.call.endings
    assert len({frame.number for frame in frames}) > 0.8 * len(frames), "the picture does not move"
    assert statistics.median(gaps_s) < 1.25 / FPS, "frames do not come at the webcam's rate"
    assert rate_fps > 0.5 * FPS, "the call gets too few"  # a guest on a busy computer is too slow for every one
    assert ended.code == 130


def test_sharpened_picture_arrives(lab: Lab) -> None:
    """What the call gets is the sharpened picture, not the raw one.

    Vivid's patterns are perfectly sharp, so here another loopback is the webcam; small, so that the guest keeps up beside the browser.
    """
    lab.load(devices="2", video_nr="10,42", card_label=f'"Soft Webcam,{NAME}"', exclusive_caps="1,1")
    write_png(lab.machine.share / "soft.png", cv2.GaussianBlur(draw_scene(Stage(Size(180, 320))), (0, 0), 1.3))
    lab.start_other(code_of_writer("/dev/video10", "/run/share/soft.png"), until="writing")
    raw = lab.grab("/dev/video10", "raw")
    lab.sh(f"{PROGRAM} enhance /run/share/raw.png /run/share/sharp.png --model fast --crispness 0.5 --force")
    shutil.move(lab.machine.share / "sharp.png", lab.folder)
    sharp = read_png(lab.folder / "sharp.png")

    program = lab.run("--camera", "Soft Webcam", "--size", "320x180", "--model", "fast", "--crispness", "0.5").wait_until_live()
    lab.call.open()
    assert lab.call.join() is None
    lab.call.wait_for(lambda frame: frame.size == (320, 180))
    give_up_s = time.monotonic() + 90  # a program that cannot keep up lets the raw picture through, and tries again every two seconds
    got = lab.call.picture("call")
    while psnr(got, sharp) < psnr(got, raw) + 6 and time.monotonic() < give_up_s:
        time.sleep(0.3)
        got = lab.call.picture("call")
    sent = program.end().report
    lab.keep(
        "likeness",
        to_sharp_db=psnr(got, sharp),
        to_raw_db=psnr(got, raw),
        raw_to_sharp_db=psnr(raw, sharp),
        sharpened=sent["frames_sharpened"],
        sent=sent["frames_sent"],
    )
    assert psnr(got, sharp) > psnr(got, raw) + 6
