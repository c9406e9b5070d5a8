"""What decoding for ``detect`` costs beside decoding every frame with PyAV and converting none, and its memory.

Bar: a 10-minute 1280×720 clip at most 1.1 × the plain decode's time; peak memory within 150 MB of a 10-second clip's.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.report import machine, table

RATE = 30


def make_clip(path: Path, seconds: int) -> None:
    """A 1280×720 clip, H.264 and AAC: moving gratings with texture that does not compress away, and tones."""
    import av
    import numpy as np

    rng = np.random.default_rng(0)
    texture = rng.integers(0, 60, (720 + 64, 1280 + 64, 3), dtype=np.uint8)
    tone = np.sin(np.arange(48000) * 2 * np.pi * 440 / 48000).astype(np.float32)[None] * 0.2
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "26", "bf": "2"})
        video.width, video.height, video.pix_fmt = 1280, 720, "yuv420p"
        audio = out.add_stream("aac", rate=48000, layout="mono")
        for number in range(seconds * RATE):
            shift = number % 64
            picture = texture[shift : shift + 720, shift : shift + 1280].copy()
            left = number * 7 % 1100
            picture[200:500, left : left + 180] += 120
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            if number % RATE == 0:
                sound = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
                sound.sample_rate, sound.pts = 48000, number // RATE * 48000
                out.mux(audio.encode(sound))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))


def plain(path: Path) -> None:
    """Decode every frame, convert none."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for _ in container.decode(stream):
            pass


def for_detect(path: Path) -> None:
    """Decode what ``detect`` asks for with its default settings: the pictures of every segment, and the sound."""
    from av2a import media
    from av2a.features import sampling as segments
    from av2a.settings import Settings
    from av2a.timeline import Grid

    clip = media.open_clip(path)
    grid = Grid(clip.duration_seconds)
    times = segments.frame_times(grid, 0, grid.segments, Settings().frames_per_segment)
    assert sum(picture is not None for picture in media.decode_frames(clip, times.tolist())) == len(times)
    assert sum(len(block.samples) for block in media.decode_sound(clip, 16000)) > 15000 * clip.duration_seconds


def whole_detect(path: Path) -> None:
    """The whole command's work."""
    import av2a

    av2a.detect(path, ["dog barking", "ambulance siren", "piano"], backbone="mini")


WAYS = {"plain": plain, "for_detect": for_detect, "whole_detect": whole_detect}


def measured(way: str, path: Path) -> tuple[float, float]:
    """Seconds and peak memory in MB of one way in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.decoding", "--way", way, str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


def main() -> None:
    """Print the table, or measure one way when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("path", nargs="?", type=Path)
    options = parser.parse_args()
    if options.way:
        from time import perf_counter

        import av  # noqa: F401 - loading libraries is no part of decoding

        from av2a import media  # noqa: F401
        from av2a.features import sampling as segments  # noqa: F401

        start = perf_counter()
        WAYS[options.way](options.path)
        print(perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        long, short = Path(folder) / "long.mp4", Path(folder) / "short.mp4"
        make_clip(long, options.minutes * 60)
        make_clip(short, 10)
        runs = [{way: measured(way, long) for way in ("plain", "for_detect")} for _ in range(options.runs)]
        ratio = median(run["for_detect"][0] / run["plain"][0] for run in runs)
        whole, whole_short = measured("whole_detect", long), measured("whole_detect", short)
        decode_short = measured("for_detect", short)
    table(
        f"Decoding a {options.minutes}-minute 1280×720 clip ({machine()}; medians of {options.runs} pairs)",
        ["what", "bar", "measured"],
        [
            ["decode every frame, convert none", "", f"{median(run['plain'][0] for run in runs):.1f} s"],
            ["decode for detect, sound included", "", f"{median(run['for_detect'][0] for run in runs):.1f} s"],
            ["ratio, pair by pair", "≤ 1.1", f"{ratio:.2f}"],
            [
                "peak memory of decoding, against a 10-second clip's",
                "≤ +150 MB",
                f"{runs[0]['for_detect'][1]:.0f} against {decode_short[1]:.0f} MB",
            ],
            [
                "peak memory of the whole detect, against a 10-second clip's",
                "≤ +150 MB",
                f"{whole[1]:.0f} against {whole_short[1]:.0f} MB",
            ],
            ["the whole detect with mini", "", f"{whole[0]:.1f} s"],
        ],
    )


if __name__ == "__main__":
    main()
