"""Media made for tests: odd frame rates, offsets, rotations, sounds and damage, with PyAV and NumPy alone.

Every picture of :func:`write_media` carries its own number as bars of black and white, which :func:`number_of` reads
back, so that a test knows exactly which frame it was given.
"""

import math
import struct
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import Float, UInt8

BITS = 10
"""Pictures are numbered modulo 2 ** BITS."""


@dataclass(frozen=True)
class Pictures:
    """A track of numbered pictures; picture i is first shown at ``times_seconds[i]``."""

    times_seconds: Sequence[float]
    width: int = 160
    height: int = 96
    codec: str = "libx264"
    rate_hz: Fraction = Fraction(30)
    """The rate that the encoder is told; also the ticks of ``time_base`` where that is None."""
    time_base: Fraction | None = None
    pixel_format: str = "yuv420p"
    group: int = 30
    rotation_degrees: int = 0
    """Counter-clockwise, as ``VideoFrame.rotation`` reads it."""
    mirrored: bool = False
    red_corner: bool = False
    """Draw a red upper left corner on grey instead of the number."""
    options: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    default: bool | None = None


@dataclass(frozen=True)
class Sound:
    """A track of sound, one row a channel, in [-1, 1]."""

    samples: Float[np.ndarray, "channel sample"]
    rate_hz: int = 48_000
    codec: str = "aac"
    layout: str = "mono"
    start_seconds: float = 0.0
    gap: tuple[float, float] | None = None
    """Samples between these seconds are not written: later ones keep their time."""
    bit_rate: int | None = None
    options: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    default: bool | None = None


def even_times(count: int, rate_hz: Fraction | int = 30, start_seconds: float = 0.0) -> list[float]:
    """The times of ``count`` pictures at a constant rate."""
    return [start_seconds + float(index / Fraction(rate_hz)) for index in range(count)]


def uneven_times(duration_seconds: float, rng: np.random.Generator) -> list[float]:
    """Whole milliseconds from 0 on, 1/60 to 0.7 s apart."""
    times = [0.0]
    while times[-1] < duration_seconds:
        times.append(round(times[-1] + float(rng.choice([1 / 60, 1 / 30, 0.1, 0.7])), 3))
    return times


def clicks(duration_seconds: float, rate_hz: int, period_seconds: float = 1.0) -> Float[np.ndarray, "1 sample"]:
    """A smooth pulse, 1 ms wide, centred on every whole period from the first on."""
    time = np.arange(round(duration_seconds * rate_hz)) / rate_hz
    centre = np.maximum(np.round(time / period_seconds), 1) * period_seconds
    pulse: Float[np.ndarray, " sample"] = 0.8 * np.exp(-(((time - centre) / 0.0005) ** 2))
    return pulse[None]


def tone(
    duration_seconds: float, rate_hz: int, frequency_hz: float = 440.0, amplitude: float = 0.25
) -> Float[np.ndarray, "1 sample"]:
    """A sine wave."""
    time = np.arange(round(duration_seconds * rate_hz)) / rate_hz
    wave_form: Float[np.ndarray, " sample"] = amplitude * np.sin(2 * np.pi * frequency_hz * time)
    return wave_form[None]


def numbered(number: int, width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
    """A picture that shows ``number`` as BITS bars, the highest bit at the left."""
    bits = (number >> np.arange(BITS)[::-1]) & 1
    columns = np.minimum(np.arange(width) * BITS // width, BITS - 1)
    row = np.where(bits[columns] == 1, 235, 16).astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def number_of(pixels: UInt8[np.ndarray, "height width 3"]) -> int:
    """The number that a picture made by :func:`numbered` shows."""
    middle = pixels[pixels.shape[0] // 2].mean(axis=1)
    centres = ((np.arange(BITS) + 0.5) * pixels.shape[1] / BITS).astype(int)
    return int(((middle[centres] > 128) << np.arange(BITS)[::-1]).sum())


def red_cornered(width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
    """Grey, with a red upper left quarter."""
    picture = np.full((height, width, 3), 128, dtype=np.uint8)
    picture[: height // 2, : width // 2] = (220, 20, 20)
    return picture


def red_corner_of(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    """Which corner is red: "upper left", "upper right", "lower left", "lower right"."""
    height, width = pixels.shape[:2]
    redness = {
        f"{vertical} {horizontal}": float(pixels[y, x, 0]) - float(pixels[y, x, 1])
        for vertical, y in (("upper", height // 4), ("lower", 3 * height // 4))
        for horizontal, x in (("left", width // 4), ("right", 3 * width // 4))
    }
    return max(redness, key=lambda corner: redness[corner])


def write_media(
    path: Path,
    *tracks: Pictures | Sound,
    container_format: str | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write the tracks into one file, interleaved by time; returns the path."""
    with av.open(str(path), "w", format=container_format, options=container_options or {}) as container:
        streams = [_add_stream(container, track) for track in tracks]
        sources = [_frames(track) for track in tracks]
        pending = {index: frame for index, source in enumerate(sources) if (frame := next(source, None)) is not None}
        while pending:
            first = min(pending, key=lambda index: float(pending[index].pts * pending[index].time_base))
            container.mux(streams[first].encode(pending.pop(first)))
            if (frame := next(sources[first], None)) is not None:
                pending[first] = frame
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def _add_stream(container: Any, track: Pictures | Sound) -> Any:
    if isinstance(track, Pictures):
        stream = container.add_stream(track.codec, rate=track.rate_hz, options=dict(track.options))
        stream.width, stream.height, stream.pix_fmt = track.width, track.height, track.pixel_format
        stream.codec_context.time_base = track.time_base or 1 / track.rate_hz
        stream.codec_context.gop_size = track.group
        if track.rotation_degrees or track.mirrored:
            stream.set_display_rotation(track.rotation_degrees, hflip=track.mirrored)
    else:
        stream = container.add_stream(track.codec, rate=track.rate_hz, layout=track.layout, options=dict(track.options))
        if track.bit_rate:
            stream.bit_rate = track.bit_rate
    if track.language is not None:
        stream.metadata["language"] = track.language
    if track.default is not None:
        stream.disposition = av.stream.Disposition.default if track.default else av.stream.Disposition(0)
    return stream


def _frames(track: Pictures | Sound) -> Iterator[Any]:
    return _picture_frames(track) if isinstance(track, Pictures) else _sound_frames(track)


def _picture_frames(track: Pictures) -> Iterator[Any]:
    time_base = track.time_base or 1 / track.rate_hz
    for number, seconds in enumerate(track.times_seconds):
        draw = red_cornered(track.width, track.height) if track.red_corner else None
        pixels = numbered(number % 2**BITS, track.width, track.height) if draw is None else draw
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=track.pixel_format)
        frame.time_base = time_base
        frame.pts = round(seconds / time_base)
        yield frame


def _sound_frames(track: Sound, size: int = 1024) -> Iterator[Any]:
    samples = track.samples.astype(np.float32)
    codec_format = (av.codec.Codec(track.codec, "w").audio_formats or [av.AudioFormat("s16")])[0].name
    resampler = av.AudioResampler(format=codec_format, layout=track.layout, rate=track.rate_hz)
    for start in range(0, samples.shape[1], size):
        if track.gap and track.gap[0] <= start / track.rate_hz < track.gap[1]:
            continue
        # Interleaved, as PyAV 18 does not fill planes of eight channels.
        interleaved = samples[:, start : start + size].T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=track.layout)
        frame.sample_rate = track.rate_hz
        frame.time_base = Fraction(1, track.rate_hz)
        frame.pts = round(track.start_seconds * track.rate_hz) + start
        yield from resampler.resample(frame)


def write_wave(path: Path, samples: Float[np.ndarray, "channel sample"], rate_hz: int, *, sample_bytes: int) -> Path:
    """A plain PCM .wav file: unsigned 8 bit, signed 16 or 32 bit."""
    scaled = np.clip(samples.T, -1, 1 - 2.0 ** (1 - 8 * sample_bytes)) * 2.0 ** (8 * sample_bytes - 1)
    whole = np.round(scaled).astype({1: np.int16, 2: "<i2", 4: "<i4"}[sample_bytes])
    data = (whole + 128).astype(np.uint8) if sample_bytes == 1 else whole
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[0])
        file.setsampwidth(sample_bytes)
        file.setframerate(rate_hz)
        file.writeframes(data.tobytes())
    return path


def add_cover(path: Path, destination: Path) -> Path:
    """A copy of a sound file with a picture attached, as music shops sell them."""
    with av.open(str(path)) as source, av.open(str(destination), "w") as container:
        sound = container.add_stream_from_template(source.streams.audio[0])
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(red_cornered(64, 64), format="rgb24").reformat(format="yuvj420p")
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = sound
                container.mux(packet)
    return destination


def cut(path: Path, destination: Path, *, share: float) -> Path:
    """The first ``share`` of a file's bytes."""
    data = path.read_bytes()
    destination.write_bytes(data[: int(len(data) * share)])
    return destination


def flip_bits(path: Path, destination: Path, *, flips: int, rng: np.random.Generator, spare: int = 16_384) -> Path:
    """A copy with ``flips`` bytes changed, none of them in the first and last ``spare`` ones, where headers are."""
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8).copy()
    where = rng.integers(spare, len(data) - spare, size=flips)
    data[where] ^= rng.integers(1, 256, size=flips, dtype=np.uint8)
    destination.write_bytes(data.tobytes())
    return destination


def claim_duration(path: Path, destination: Path, *, seconds: float) -> Path:
    """A copy of a Matroska file whose header claims another duration."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    data[at : at + 8] = struct.pack(">d", seconds * 1000)
    destination.write_bytes(data)
    return destination


def restamped(path: Path, destination: Path, stamp: Callable[[int, float], float | None]) -> Path:
    """A copy in which audio packet ``number`` of ``seconds`` has the time ``stamp(number, seconds)``, or is left out for None.

    Times are kept rising, as muxers demand.
    """
    with av.open(str(path)) as source, av.open(str(destination), "w") as container:
        streams = {stream.index: container.add_stream_from_template(stream) for stream in source.streams}
        packets = [packet for packet in source.demux() if packet.dts is not None]
        number, last = 0, -math.inf
        timed = []
        for packet in packets:
            assert packet.dts is not None
            seconds = float(packet.dts * packet.time_base)
            if packet.stream.type == "audio":
                changed = stamp(number, seconds)
                number += 1
                if changed is None:
                    continue
                seconds = max(changed, last + 0.001)
                last = seconds
                packet.pts = packet.dts = round(seconds / packet.time_base)
            timed.append((seconds, packet))
        for _, packet in sorted(timed, key=lambda each: each[0]):
            packet.stream = streams[packet.stream.index]
            container.mux(packet)
    return destination


def ogg_pages(data: bytes) -> Iterator[bytearray]:
    """The pages of an Ogg file."""
    at = 0
    while at < len(data):
        size = 27 + data[at + 26] + sum(data[at + 27 : at + 27 + data[at + 26]])
        yield bytearray(data[at : at + size])
        at += size


def changed_ogg(path: Path, destination: Path, *, later_samples: int = 0, pre_skip: int | None = None) -> Path:
    """A copy of an Ogg file whose audio counts from ``later_samples`` on, or with another pre-skip in its Opus header."""
    content = bytearray()
    for number, page in enumerate(ogg_pages(path.read_bytes())):
        position = struct.unpack("<q", page[6:14])[0]
        if number >= 2 and position >= 0:
            page[6:14] = struct.pack("<q", position + later_samples)
        if number == 0 and pre_skip is not None:
            at = page.index(b"OpusHead") + 10
            page[at : at + 2] = struct.pack("<H", pre_skip)
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", _ogg_checksum(bytes(page)))
        content += page
    destination.write_bytes(content)
    return destination


def _ogg_checksum(page: bytes) -> int:
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    return checksum


def claim_mp4_duration(path: Path, destination: Path, *, seconds: float) -> Path:
    """A copy of an MP4 file whose header claims another duration."""
    data = bytearray(path.read_bytes())
    at = data.index(b"mvhd") + 16
    (scale,) = struct.unpack(">I", data[at : at + 4])
    data[at + 4 : at + 8] = struct.pack(">I", round(seconds * scale))
    destination.write_bytes(data)
    return destination


def claim_flash_duration(path: Path, destination: Path, *, seconds: float) -> Path:
    """A copy of an FLV file whose header claims another duration."""
    data = bytearray(path.read_bytes())
    at = data.index(b"duration") + 9
    data[at : at + 8] = struct.pack(">d", seconds)
    destination.write_bytes(data)
    return destination


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """``data`` with one kind of damage: bytes changed, a piece cut out, put in, or zeroed."""
    start = int(rng.integers(0, len(data)))
    length = int(rng.integers(1, max(2, len(data) // 20)))
    kind = int(rng.integers(0, 4))
    if kind == 0:
        changed = bytearray(data)
        for place in rng.integers(0, len(data), size=int(rng.integers(1, 40))):
            changed[int(place)] ^= int(rng.integers(1, 256))
        return bytes(changed)
    filling = {1: b"", 2: rng.bytes(length) + data[start : start + length], 3: bytes(len(data[start : start + length]))}
    return data[:start] + filling[kind] + data[start + length :]
