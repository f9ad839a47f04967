from sharpen_core.keep_up import JUDGED_FRAMES, PROBE_EVERY_NS, SLOWEST_NS, KeepUp


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def test_fast_frames_are_always_sharpened() -> None:
    keep_up = KeepUp(Clock())
    for _ in range(100):
        assert keep_up.wants()
        keep_up.took(SLOWEST_NS // 2)
    assert keep_up.passing_reason is None


def test_one_slow_frame_changes_nothing() -> None:
    keep_up = KeepUp(Clock())
    for number in range(50):
        keep_up.took(10 * SLOWEST_NS if number % 10 == 0 else SLOWEST_NS // 2)
    assert keep_up.passing_reason is None


def test_a_slow_engine_is_passed_by_and_tried_again() -> None:
    clock = Clock()
    keep_up = KeepUp(clock)
    for _ in range(JUDGED_FRAMES):
        keep_up.took(2 * SLOWEST_NS)
    assert keep_up.passing_reason is not None
    assert "133 ms" in keep_up.passing_reason
    assert not keep_up.wants()
    for duration_ns in (SLOWEST_NS // 2, 2 * SLOWEST_NS, SLOWEST_NS // 2, SLOWEST_NS // 2, SLOWEST_NS // 2):
        assert keep_up.passing_reason is not None  # the slow try in between starts the count again
        clock.now += PROBE_EVERY_NS
        assert keep_up.wants()
        keep_up.took(duration_ns)
        assert not keep_up.wants() or keep_up.passing_reason is None
    assert keep_up.passing_reason is None


def test_a_failure_passes_through_at_once() -> None:
    keep_up = KeepUp(Clock())
    keep_up.failed("the engine failed")
    assert keep_up.passing_reason is not None
    assert "the engine failed" in keep_up.passing_reason
    assert not keep_up.wants()
