from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from av2a.backbones.pixels import clip_pixels, languagebind_image_pixels, languagebind_video_pixels

WAYS = {"clip_image": clip_pixels, "lb_image": languagebind_image_pixels, "lb_video": languagebind_video_pixels}


@pytest.mark.parametrize("case", ["up", "down", "portrait"])
@pytest.mark.parametrize("way", WAYS)
def test_pixels_are_the_reference_s(shared: Path, case: str, way: str) -> None:
    golden = np.load(shared / "golden" / "languagebind" / "vision_preprocess.npz")
    pixels = WAYS[way](list(golden[f"{case}.frames_uint8"])).numpy()
    seen = pixels[..., golden["rows"][:, None], golden["cols"]]
    assert seen == pytest.approx(golden[f"{case}.{way}"], abs=1e-5, rel=0)
    assert pixels.mean(axis=(-2, -1)) == pytest.approx(golden[f"{case}.{way}_mean"], abs=1e-5, rel=0)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(height, width, 3)).astype(np.uint8)


def both_ways(frames: list[np.ndarray], size: int = 32) -> list[Tensor]:
    return [
        clip_pixels(frames, size),
        languagebind_image_pixels(frames, size),
        languagebind_video_pixels(frames, size).transpose(0, 1),
    ]


def test_pictures_of_different_sizes_come_out_square_and_each_by_itself() -> None:
    frames = [picture(40, 60), picture(90, 33), picture(32, 32), picture(1, 1)]
    for together, *alone in zip(both_ways(frames), *(both_ways([frame]) for frame in frames), strict=True):
        assert together.shape == (4, 3, 32, 32)
        assert torch.equal(together, torch.cat(alone))


def test_only_the_released_ways_of_resizing_overshoot() -> None:
    edges = np.repeat(np.repeat(np.tile(np.array([[0, 255], [255, 0]], np.uint8), (4, 4)), 8, 0), 8, 1)
    clip, image, _ = both_ways([np.stack([edges] * 3, axis=2)], size=48)
    assert image.max() > clip.max()
    assert image.min() < clip.min()


def test_of_a_very_long_picture_the_middle_is_kept_as_it_is() -> None:
    long = picture(8, 8 * 40)
    middle = np.ascontiguousarray(long[:, 8 * 12 : 8 * 28])
    for whole, part in zip(both_ways([long]), both_ways([middle]), strict=True):
        assert torch.equal(whole, part)


def test_a_picture_that_may_not_be_written_to_is_read() -> None:
    frozen = picture(40, 40)
    frozen.flags.writeable = False
    assert clip_pixels([frozen, frozen[::-1]], size=32).shape == (2, 3, 32, 32)


def test_no_pictures_give_no_pixels() -> None:
    assert [way.shape for way in both_ways([])] == [(0, 3, 32, 32)] * 3
