"""Trained parsers: 1200 clips evaluated with dynamic thresholds, and the memory that reading their features takes.

Bars: each parser under 60 s on two cores without reading; memory that does not grow with the number of clips. Parameters and features are made up:
nothing here says how well a parser does.
"""

import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

from av2a.datasets import Annotation, Dataset, LabelledClip, Task
from av2a.datasets.llp import CATEGORIES, CLIP_SECONDS
from av2a.methods.trained import PARSERS, Parser
from av2a.methods.trained.features import KINDS, FeatureFolder, Features
from av2a.methods.trained.settings import Thresholds
from av2a.research.parsed import parsed, score_parsed
from av2a.types import BackboneInfo, Modality
from benchmarks.report import machine, table

CLIPS = 1200


def dataset(clips: int) -> Dataset:
    """Made-up clips, each with something to hear and something to see."""
    rng = np.random.default_rng(0)

    def clip(number: int) -> LabelledClip:
        heard, seen = rng.choice(CATEGORIES, 2, replace=False)
        events = (
            Annotation(str(heard), Modality.AUDIO, 1.0, 7.0),
            Annotation(str(seen), Modality.AUDIO_VISUAL, 2.0, 9.0),
        )
        return LabelledClip(f"clip-{number:06d}_0_10", None, events)

    made = tuple(clip(number) for number in range(clips))
    return Dataset("llp", "test", Task.PARSING, CATEGORIES, CATEGORIES, made, clip_seconds=CLIP_SECONDS)


class Made(FeatureFolder):
    """Features that need not be read."""

    def missing(self, name: str) -> list[str]:
        """None is."""
        return []

    def features(self, name: str) -> Features:
        """One of sixteen made-up clips."""
        rng = np.random.default_rng(int(name[5:11]) % 16)
        return Features(*(rng.random(shape, dtype=np.float32) for shape in KINDS.values()))


def parser(name: str) -> Parser:
    """A parser with drawn parameters."""
    import torch

    from av2a.methods.trained.registry import new_network

    torch.manual_seed(0)
    network = new_network(PARSERS[name]).to_empty(device="cpu").eval().requires_grad_(False)
    for each in network.parameters():
        torch.nn.init.normal_(each, std=1.0 / each.shape[-1] ** 0.5)
    return Parser(PARSERS[name], network, BackboneInfo(name, "made up", "made up", ""))


def evaluated(name: str) -> list[str]:
    """One row: seconds of the network, of both ways to decide, and of the ten numbers, over all clips."""
    settings = PARSERS[name].settings
    clips = dataset(CLIPS)
    found = parsed(clips, parser(name), Made(Path()), settings)
    began = perf_counter()
    found.predictions(replace(settings, thresholds=Thresholds.STATIC))
    static = perf_counter() - began
    began = perf_counter()
    evaluation, _ = score_parsed(found, settings)
    dynamic = perf_counter() - began
    assert evaluation.videos == CLIPS
    whole = found.seconds.network + dynamic
    return [name, "< 60 s", f"{whole:.1f} s", f"{found.seconds.network:.1f} s", f"{static:.2f} s", f"{dynamic:.1f} s"]


def peak_megabytes(folder: Path, clips: int) -> float:
    """The most memory that a process held which read that many clips' features from files."""
    command = [sys.executable, "-m", "benchmarks.parsers", str(folder), str(clips)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def read_and_say(folder: Path, clips: int) -> None:
    """Parse clips whose features are files, and print the most memory held, in megabytes."""
    parsed(dataset(clips), parser("jomold"), FeatureFolder.opened(folder), PARSERS["jomold"].settings)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def write_features(folder: Path, clips: int) -> None:
    """Files for every clip, of sixteen contents."""
    contents = Made(folder)
    for kind in KINDS:
        (folder / kind).mkdir()
    for number, clip in enumerate(dataset(clips).clips):
        made = contents.features(clip.name)
        for kind, array in zip(KINDS, (made.audio, made.pictures, made.motion), strict=True):
            file = folder / kind / f"{clip.name[:11]}.npy"
            if number < 16:
                np.save(file, array)
            else:
                os.link(folder / kind / f"clip-{number % 16:06d}.npy", file)


def main() -> None:
    """Print the tables."""
    table(
        f"Trained parsers, {CLIPS} clips without reading ({machine()})",
        ["parser", "bar", "whole", "network", "static decisions", "dynamic decisions and the ten numbers"],
        [evaluated(name) for name in PARSERS],
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_features(folder, CLIPS)
        few, many = peak_megabytes(folder, CLIPS // 4), peak_megabytes(folder, CLIPS)
    table(
        "The most memory held while features are read (JoMoLD)",
        ["clips", "bar", "measured"],
        [[CLIPS // 4, "", f"{few:.0f} MB"], [CLIPS, "answers only: + 30 MB", f"{many:.0f} MB"]],
    )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        read_and_say(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
