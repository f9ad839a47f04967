import cv2
import numpy as np
import pytest
from clips import write_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import sharp_picture

from sharpen_core.errors import MediaNotFound
from sharpen_core.frame import Size
from sharpen_train.errors import DataError
from sharpen_train.evaluation import flicker

FRAMES = 12


def scene(height=128, width=160):
    """Soft shapes between 60 and 200, so that noise is never cut off."""
    picture = cv2.GaussianBlur(sharp_picture(Size(height, width), 1), (0, 0), 1.5)
    return 60 + picture.astype(np.float64) * (140 / 255)


def noisy_clip(sigma, gain=1.0, seed=1):
    """Frames of a still scene whose noise is `gain` times `sigma`; the same noise for the same seed."""
    rng, still = np.random.default_rng(seed), scene()
    noise = [rng.standard_normal(still.shape[:2])[:, :, None] * sigma * gain for _ in range(FRAMES)]
    return [np.round(np.clip(still + each, 0, 255)).astype(np.uint8) for each in noise]


def moving_clip(sigma=0.0, step_px=2, seed=1):
    rng, wide = np.random.default_rng(seed), scene(128, 160 + step_px * FRAMES)
    cut = [wide[:, step_px * number : step_px * number + 160] for number in range(FRAMES)]
    return [np.round(np.clip(each + rng.standard_normal((128, 160, 1)) * sigma, 0, 255)).astype(np.uint8) for each in cut]


@settings(max_examples=8, deadline=None)
@given(sigma=st.floats(1.0, 4.0), gain=st.floats(0.6, 3.0))
def test_noise_that_grows_by_a_factor_gives_that_factor(sigma, gain):
    score = flicker.compare("clip", noisy_clip(sigma), noisy_clip(sigma, gain))
    assert score.still_ratio == pytest.approx(gain, rel=0.06)  # rounding adds a little to both
    assert score.still_input == pytest.approx(sigma, rel=0.08)
    assert score.moving_ratio is None or score.moving_px < score.still_px


def test_doing_nothing_gives_one():
    frames = moving_clip(sigma=1.0)
    score = flicker.compare("clip", frames, frames)
    assert score.moving_ratio == 1.0
    assert score.change == 0.0
    still = noisy_clip(2.0)
    assert flicker.compare("clip", still, still).still_ratio == 1.0


def test_noise_is_estimated_beside_motion():
    frames = noisy_clip(2.0)
    for number, frame in enumerate(frames):
        frame[20:60, 8 * number : 8 * number + 30] = 255
    luma = np.stack([flicker._luma(frame) for frame in frames])
    assert flicker.noise_sigma(luma) == pytest.approx(2.0, rel=0.1)


def test_what_moves_is_not_still():
    frames = noisy_clip(1.0)
    for number, frame in enumerate(frames):
        frame[20:60, 8 * number : 8 * number + 30] = 255
    still = flicker.still_mask(np.stack([flicker._luma(frame) for frame in frames]))
    assert not still[18:62, :110].any()
    assert still[75:].mean() > 0.95


def test_a_crawling_filter_is_caught_in_motion():
    rng = np.random.default_rng(5)
    frames = moving_clip(sigma=1.0)
    crawling = [np.clip(frame + rng.standard_normal((128, 160, 1)) * 4, 0, 255).astype(np.uint8) for frame in frames]
    score = flicker.compare("clip", frames, crawling)
    assert score.moving_px > 0.5 * 128 * 160 * (FRAMES - 1)
    assert score.moving_ratio is not None
    assert score.moving_ratio > 2
    assert score.still_ratio is None or score.still_px < score.moving_px


def test_a_clean_shift_is_warped_away():
    score = flicker.compare("clip", moving_clip(), moving_clip())
    assert score.moving_input < 2.0


def test_a_clip_without_noise_has_no_ratio():
    frames = [scene().astype(np.uint8)] * 4
    score = flicker.compare("clip", frames, frames)
    assert score.still_ratio is None
    assert score.moving_ratio is None
    assert score.still_px > 0


def test_frames_of_a_file_are_cut_to_the_middle(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", noisy_clip(2.0))
    frames = flicker.read_frames(clip, 5, (64, 96))
    assert [frame.shape for frame in frames] == [(64, 96, 3)] * 5
    assert len(flicker.read_frames(clip, 500)) == FRAMES


def test_clips_are_measured_and_pooled(tmp_path):
    clips = [write_clip(tmp_path / f"{number}.mp4", noisy_clip(3.0, seed=number)) for number in range(2)]
    told: list[str] = []
    scores = flicker.measure(lambda frames: frames, clips, frames=8, progress=told.append)
    assert [score.clip for score in scores] == told == ["0.mp4", "1.mp4"]
    assert all(score.still_ratio == 1.0 for score in scores)
    pooled = flicker.pool(scores)
    assert pooled.still_ratio == 1.0
    assert pooled.frames == 16
    assert min(s.still_input for s in scores) <= pooled.still_input <= max(s.still_input for s in scores)


def test_nothing_pooled_from_still_pictures():
    frames = [scene().astype(np.uint8)] * 4
    assert flicker.pool([flicker.compare("clip", frames, frames)]).moving_ratio is None


def test_a_clip_of_two_frames_is_refused(tmp_path):
    clip = write_clip(tmp_path / "short.mp4", noisy_clip(1.0)[:2])
    with pytest.raises(DataError, match="2 frames"):
        flicker.read_frames(clip)


def test_a_missing_clip_is_refused(tmp_path):
    with pytest.raises(MediaNotFound):
        flicker.measure(lambda frames: frames, [tmp_path / "none.mp4"])
