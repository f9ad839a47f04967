import contextlib
import threading

import pytest

from sharpen_core.slot import Slot, SlotClosed, SlotTimeout


def test_the_newest_wins_and_the_others_are_counted() -> None:
    slot: Slot[int] = Slot()
    for item in range(5):
        slot.put(item)
    assert slot.take() == 4
    assert slot.dropped == 4


def test_nothing_within_the_timeout() -> None:
    with pytest.raises(SlotTimeout):
        Slot[int]().take(timeout_s=0.0)


def test_a_closed_slot_gives_its_last_item_and_then_ends() -> None:
    slot: Slot[int] = Slot()
    slot.put(1)
    slot.close()
    slot.close()
    assert slot.take() == 1
    with pytest.raises(SlotClosed):
        slot.take()
    with pytest.raises(SlotClosed):
        slot.put(2)


def test_closing_wakes_who_waits() -> None:
    slot: Slot[int] = Slot()
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(SlotClosed):
            slot.take()
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    slot.close()
    assert ended.wait(5)
    thread.join(5)


def test_a_lossless_slot_delivers_everything_in_order() -> None:
    slot: Slot[int] = Slot(lossless=True)
    got: list[int] = []

    def drain() -> None:
        with contextlib.suppress(SlotClosed):
            while True:
                got.append(slot.take())

    thread = threading.Thread(target=drain)
    thread.start()
    for item in range(200):
        slot.put(item)
    slot.close()
    thread.join(5)
    assert got == list(range(200))
    assert slot.dropped == 0
