from sharpen_core.stats import Percentiles, Stats


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def test_rates_and_latencies_come_from_the_clock() -> None:
    clock = Clock()
    stats = Stats(clock=clock)
    for number in range(90):
        clock.now = 1_000_000_000 + number * 40_000_000  # 25 fps
        stats.captured(30_000_000)
        stats.sharpened(12_000_000)
        stats.sent(captured_ns=clock.now - 20_000_000, waited_ns=3_000_000, took_ns=2_000_000)
    snapshot = stats.snapshot(dropped=7)
    assert (snapshot.frames_captured, snapshot.frames_sharpened, snapshot.frames_sent, snapshot.frames_dropped) == (90, 90, 90, 7)
    assert snapshot.camera_fps == snapshot.fps == snapshot.mean_fps == 25.0
    assert snapshot.first_frame_ms == 1000.0
    assert snapshot.recent_latency_ms == 20.0
    assert snapshot.latency_ms == Percentiles(20.0, 20.0, 20.0)
    assert {stage: values.p50 for stage, values in snapshot.stage_ms.items()} == {
        "capture": 30.0,
        "wait": 3.0,
        "sharpen": 12.0,
        "send": 2.0,
    }
    assert snapshot.peak_rss_mb > 1


def test_before_the_first_frame_everything_is_zero() -> None:
    snapshot = Stats().snapshot(dropped=0)
    assert snapshot.frames_sent == 0
    assert snapshot.fps == snapshot.mean_fps == snapshot.first_frame_ms == 0.0
    assert snapshot.latency_ms == Percentiles()


def test_seconds_are_counted_for_what_went_out_and_not_through_a_pause() -> None:
    clock = Clock()
    stats = Stats(clock=clock)
    stats.governed("fast on 60 % of the picture", "why")
    for number in range(31):
        clock.now = number * 100_000_000
        stats.sent(clock.now, 0, 0, "fast on 60 % of the picture" if number >= 10 else "")
    clock.now += 60_000_000_000
    stats.sent(clock.now, 0, 0)
    snapshot = stats.snapshot(dropped=0)
    assert snapshot.rung_s == {"unsharpened": 1.0, "fast on 60 % of the picture": 3.0}
    assert (snapshot.rung, snapshot.reason) == ("fast on 60 % of the picture", "why")
