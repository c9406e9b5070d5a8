"""``python -m training.light_calibration CLIPS --weights DIR``: the usual log-odds of each tag of ``light``, over real clips of every kind.

No truth is read. Each clip counts alike: 20 pictures and 40 windows of sound of each at most, evenly spread.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from av2a import atomic, media
from av2a.backbones.base import Backbone
from av2a.backbones.light import calibration
from av2a.backbones.light.backbone import LightAudio, LightVisual
from av2a.backbones.registry import load_backbone
from av2a.types import Clip

MOST_PICTURES, MOST_WINDOWS = 20, 40
STATISTICS = Path(calibration.__file__).with_name(calibration.STATISTICS_FILE)


def main() -> None:
    """Measure and write ``calibration.npz``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--to", type=Path, default=STATISTICS)
    given = parser.parse_args()
    backbone = load_backbone("light", weights=given.weights)
    with atomic.whole_file(given.to) as partial:
        np.savez_compressed(partial, allow_pickle=False, **statistics(sorted(given.clips.iterdir()), backbone))


def statistics(files: Sequence[Path], backbone: Backbone) -> dict[str, np.ndarray]:
    """The median of each tag's log-odds, and how far below it the 16th percentile lies."""
    clips = [media.open_clip(file) for file in files]
    measured = {
        "thing": np.stack([row for clip in clips for row in _picture_log_odds(clip, backbone)]),
        "sound": np.stack([row for clip in clips for row in _sound_log_odds(clip, backbone)]),
    }
    arrays = {}
    for name, log_odds in measured.items():
        below, median = np.percentile(log_odds, [16, 50], axis=0)
        arrays[f"{name}_medians"] = median.astype(np.float16)
        arrays[f"{name}_spreads"] = (median - below).astype(np.float16)
    return arrays


def _picture_log_odds(clip: Clip, backbone: Backbone) -> Iterator[np.ndarray]:
    assert isinstance(backbone.visual, LightVisual)
    if clip.video is None:
        return
    times = np.arange(0.25, clip.duration_seconds, 0.5)
    times = times[:: -(-len(times) // MOST_PICTURES)]
    for picture in media.decode_frames(clip, times):
        if picture is not None and picture.pixels.std() >= 1:
            yield calibration.log_odds(backbone.visual.thing_probabilities(Image.fromarray(picture.pixels)))


def _sound_log_odds(clip: Clip, backbone: Backbone) -> Iterator[np.ndarray]:
    assert isinstance(backbone.audio, LightAudio)
    if clip.audio is None:
        return
    sound = np.concatenate([block.samples for block in media.decode_sound(clip, backbone.audio.sample_rate_hz)])
    windows = backbone.audio.windows(sound)
    yield from windows[:: -(-len(windows) // MOST_WINDOWS)]


if __name__ == "__main__":
    main()
