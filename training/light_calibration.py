"""``python -m training.light_calibration CLIPS --weights DIR``: the usual log-odds of each tag of ``light``, over real clips of every kind.

No truth is read. Each clip counts alike: 20 pictures and 40 windows of sound of each at most, evenly spread. Before them, over every
fifth of these pictures, how far values reach within both networks for pictures, which are computed in bytes from then on.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from av2a import atomic, media
from av2a.backbones.base import Backbone
from av2a.backbones.light import calibration
from av2a.backbones.light.backbone import (
    LightAudio,
    LightVisual,
    for_classifier,
    for_detector,
    lite0_of_pixels,
    nanodet_of_pixels,
)
from av2a.backbones.light.files import LITE0, NANODET_BIN, NANODET_PARAM, ModelFile, resolved
from av2a.backbones.openvino_library import cpu
from av2a.backbones.registry import load_backbone
from av2a.backbones.weights import Sources
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
    paths = resolved(Sources(folder=given.weights))
    with atomic.whole_file(given.to) as partial:
        np.savez_compressed(partial, allow_pickle=False, **statistics(sorted(given.clips.iterdir()), backbone, paths))


def statistics(files: Sequence[Path], backbone: Backbone, paths: Mapping[ModelFile, Path]) -> dict[str, np.ndarray]:
    """The median of each tag's log-odds, how far below it the 16th percentile lies, and the reaches of the two networks."""
    assert isinstance(backbone.visual, LightVisual)
    clips = [media.open_clip(file) for file in files]
    pictures = [picture for clip in clips for picture in _pictures(clip)]
    lite0 = reaches(lite0_of_pixels(paths[LITE0], None), [for_classifier(picture) for picture in pictures[::5]])
    nanodet = reaches(nanodet_of_pixels(paths[NANODET_PARAM], paths[NANODET_BIN], None), pictures[::5])
    visual = replace(backbone.visual, classifier=cpu(1)(lite0_of_pixels(paths[LITE0], lite0.tolist())))
    measured = {
        "thing": calibration.log_odds(np.stack([visual.thing_probabilities(picture) for picture in pictures])),
        "sound": np.stack([row for clip in clips for row in _sound_log_odds(clip, backbone)]),
    }
    arrays = {"lite0_reaches": lite0, "nanodet_reaches": nanodet}
    for name, log_odds in measured.items():
        below, median = np.percentile(log_odds, [16, 50], axis=0)
        arrays[f"{name}_medians"] = median.astype(np.float16)
        arrays[f"{name}_spreads"] = (median - below).astype(np.float16)
    return arrays


def reaches(network: Any, pictures: Sequence[Image.Image]) -> np.ndarray:
    """The largest magnitudes over pictures that go into each convolution that has no bounds of its own."""
    measured = cpu(1)(network)
    found = [measured(np.asarray(picture)[None])[1:] for picture in pictures]
    return np.max(np.array(found, np.float32), axis=0)


def _pictures(clip: Clip) -> Iterator[Image.Image]:
    if clip.video is None:
        return
    times = np.arange(0.25, clip.duration_seconds, 0.5)
    times = times[:: -(-len(times) // MOST_PICTURES)]
    for picture in media.decode_frames(clip, times):
        if picture is not None and picture.pixels.std() >= 1:
            yield for_detector(Image.fromarray(picture.pixels))


def _sound_log_odds(clip: Clip, backbone: Backbone) -> Iterator[np.ndarray]:
    assert isinstance(backbone.audio, LightAudio)
    if clip.audio is None:
        return
    sound = np.concatenate([block.samples for block in media.decode_sound(clip, backbone.audio.sample_rate_hz)])
    windows = backbone.audio.windows(sound)
    yield from windows[:: -(-len(windows) // MOST_WINDOWS)]


if __name__ == "__main__":
    main()
