from dataclasses import dataclass

from sharpen_core.governing.load import CpuMeter, Rhythm, Sample, Window

MS = 1_000_000


@dataclass
class Clock:
    now_ns: int = 0
    cpu: float = 0.0

    def __call__(self) -> int:
        return self.now_ns

    def cpu_s(self) -> float:
        return self.cpu


def test_the_rhythm_is_the_cameras_own_however_unevenly_it_delivers() -> None:
    rhythm = Rhythm(30.0)
    assert round(rhythm.interval_ns / MS) == 33
    captured_ns = 0
    for seq in range(0, 80, 2):  # every second one was not seen
        captured_ns += 2 * 40 * MS + (5 * MS if seq % 4 else -5 * MS)
        rhythm.beat(seq, captured_ns)
    assert abs(rhythm.interval_ns / MS - 40) < 3
    rhythm.beat(80, captured_ns + 10**12)  # a pause
    assert abs(rhythm.interval_ns / MS - 40) < 3


def test_nobody_asks_for_more_than_sixty_frames_a_second() -> None:
    rhythm = Rhythm(240.0)
    for seq in range(50):
        rhythm.beat(seq, seq * 1000)
    assert rhythm.interval_ns == 1_000_000_000 // 60
    assert Rhythm(0).interval_ns > 0


def test_the_cpu_share_is_that_of_the_last_second_and_of_the_whole_machine() -> None:
    clock = Clock()
    meter = CpuMeter(4, clock, clock.cpu_s)
    shares: list[float | None] = []
    for step in range(60):
        clock.now_ns += 50 * MS
        clock.cpu += 0.05 * (1 if step < 30 else 3)  # one core, then three
        shares.append(meter.share())
    assert shares[:20] == [None] * 20
    assert shares[25] is not None
    assert abs(shares[25] - 0.25) < 0.001
    assert shares[-1] is not None
    assert abs(shares[-1] - 0.75) < 0.001
    for step_ns in (33 * MS, 54 * MS, 99 * MS, 7 * MS) * 30:
        clock.now_ns += step_ns
        assert meter.share() is not None  # once known, it stays known
    meter.restart()
    assert meter.share() is None


def test_a_pause_makes_the_meter_begin_anew() -> None:
    clock = Clock()
    meter = CpuMeter(1, clock, clock.cpu_s)
    for _ in range(30):
        clock.now_ns += 50 * MS
        meter.share()
    clock.now_ns += 10**11
    assert meter.share() is None


def test_a_window_is_full_after_half_a_second_and_five_samples() -> None:
    window = Window()
    for number in range(13):
        window.add(number * 33 * MS, Sample(20 * MS, 33 * MS))
        assert window.full == (number >= 12)
    slow = Window()
    for number in range(5):
        assert not slow.full
        slow.add((number + 1) * 400 * MS, Sample(400 * MS, 33 * MS))
    assert slow.full
    assert slow.median_ms == 400


def test_losses_are_counted_over_two_seconds_beyond_what_half_the_rate_leaves_out() -> None:
    window = Window()
    for number in range(40):
        window.add(number * 66 * MS, Sample(60 * MS, 33 * MS, dropped=1))
        if number < 15:
            assert window.lost(1) == (0, 0)
    dropped, came = window.lost(1)
    assert dropped == came / 2
    assert window.lost(2)[0] == 0
