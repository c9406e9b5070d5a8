"""The features of one clip: decoded and embedded, or read from the store; intervals are added as methods ask for them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from threading import Thread
from time import perf_counter
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from av2a import media
from av2a.backbones.base import Backbone
from av2a.embeddings import ClipFeatures, EmbeddedInput, EmbeddingTable, InputKey, InputKind, Interval
from av2a.errors import Av2aError
from av2a.features.batching import Batches, Pending
from av2a.features.inputs import AudioEmbedder, FrameEmbedder, Progress
from av2a.features.sampling import PartPlan, embeds_slices, plan_by_time, plans_by_index, samples_by_time
from av2a.features.store import STORE_VERSION, MadeBy, Store
from av2a.settings import IntervalFeatures, SegmentSound, Selection, Settings
from av2a.timeline import Grid
from av2a.types import BackboneInfo, Clip

MOST_SEGMENTS = 16
"""Of parts up to this length every interval is embedded when they are stored; of n segments there are n (n + 1) / 2."""


class Extractor:
    """Decodes one clip and embeds its segments, windows and intervals, as the settings sample them.

    ``begin`` decodes; embeddings may still wait in a batch that fills up with other clips' inputs. ``features`` collects them.
    """

    def __init__(
        self,
        clip: Clip,
        grid: Grid,
        backbone: Backbone,
        settings: Settings,
        batches: Batches | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.clip, self.grid, self.backbone, self.settings = clip, grid, backbone, settings
        self.batches = batches or Batches.of(backbone)
        self._warnings: list[str] = []
        warn = self._warnings.append
        self._visual = FrameEmbedder(clip, backbone.visual, self.batches, settings.blank_contrast, warn, progress)
        self._audio = AudioEmbedder(
            clip, backbone.audio, self.batches, settings.silence_dbfs, warn, progress, settings.channels
        )
        self._visual_width, self._audio_width = backbone.visual.features, backbone.audio.features
        self._plans: list[PartPlan] = []

    @property
    def plans(self) -> list[PartPlan]:
        """What is sampled of each part of the clip."""
        if not self._plans:
            if samples_by_time(self.settings):
                self._plans = [plan_by_time(self.grid, self.backbone, self.settings)]
            else:
                frames = media.frame_times(self.clip)
                self._plans = plans_by_index(self.grid, frames, self.backbone, self.settings)
        return self._plans

    def begin(self) -> None:
        """Decode the clip and queue everything but candidate intervals; does nothing when it was called before."""
        if self._plans:
            return
        windows = [window for plan in self.plans for window in plan.windows]
        spans = [span for plan in self.plans for span in plan.segment_spans]
        by_slices = embeds_slices(self.settings)
        times = [time for plan in self.plans for times in plan.segment_times for time in times]
        self._visual.embed(times, [times for times, _ in windows])
        self._audio.embed([*(span for _, span in windows), *([] if by_slices else spans)])
        if by_slices:
            self._audio.embed_slices(spans)

    @property
    def is_complete(self) -> bool:
        """Whether everything that was queued has been computed."""
        return all(pending.is_done for pending in self._pending)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know, each once: of decoding, then of the batches that this clip's inputs were in."""
        encoders = (message for pending in self._pending for message in pending.warnings)
        return tuple(dict.fromkeys([*self._warnings, *encoders]))

    def features(self) -> ClipFeatures:
        """The embeddings of all segments and windows. Raises what an encoder raised."""
        self._finish()
        visual: dict[InputKey, EmbeddedInput] = {}
        audio: dict[InputKey, EmbeddedInput] = {}
        for part, plan in enumerate(self.plans):
            segments = _alike(self._visual.segment_views(plan.segment_times), self._visual_width)
            windows = self._audio.segment_windows(plan.segment_spans)
            for t, (views, window) in enumerate(zip(segments, windows, strict=True)):
                visual[InputKey(part, InputKind.SEGMENT, t, t + 1)] = views
                audio[InputKey(part, InputKind.SEGMENT, t, t + 1)] = self._heard(window)
            for number, (times, span) in enumerate(plan.windows):
                [visual[InputKey(part, InputKind.WINDOW, number, number + 1)]] = self._seen([times])
                audio[InputKey(part, InputKind.WINDOW, number, number + 1)] = self._heard(self._audio.window(span))
            for t, frame in enumerate(_carried(segments)):
                visual[InputKey(part, InputKind.FRAME, t, t + 1)] = EmbeddedInput(frame[None], True)
        return ClipFeatures(
            visual=EmbeddingTable.of(visual),
            audio=EmbeddingTable.of(audio),
            parts=np.array([[p.first_segment, len(p.segment_spans), len(p.windows)] for p in self.plans], np.int32),
            window_of=np.concatenate([plan.window_of for plan in self.plans]),
            warnings=self.warnings,
        )

    def with_intervals(self, features: ClipFeatures, wanted: Sequence[Interval]) -> ClipFeatures:
        """The features, and intervals of the clip that they do not hold. Nothing else is decoded."""
        planned = {each: self.plans[each.part].interval(each.start, each.stop) for each in wanted}
        seen = {each: times for each, (times, _) in planned.items() if each.seen}
        heard = {each: span for each, (_, span) in planned.items() if each.heard}
        self._visual.embed((), seen.values(), "candidates, pictures")
        self._audio.embed(heard.values(), "candidates, sound")
        self._finish()
        views: Mapping[Interval, EmbeddedInput] = dict(zip(seen, self._seen(list(seen.values())), strict=True))
        windows = {each: self._heard(self._audio.window(span)) for each, span in heard.items()}
        return features.with_intervals(views, windows, self.warnings)

    def _finish(self) -> None:
        """Compute what waits. Raises what the encoder raised for an input of this clip."""
        if not self._plans:
            self.begin()
        if not self.is_complete:
            self.batches.flush()
        for pending in self._pending:
            if pending.error is not None:
                raise pending.error

    @property
    def _pending(self) -> list[Pending]:
        queued = (*self._visual.frames.values(), *self._visual.clips.values(), *self._audio.windows.values())
        return [each for each in queued if each is not None]

    def _seen(self, inputs: Sequence[tuple[float, ...]]) -> list[EmbeddedInput]:
        return [_input(self._visual.clip_views(times), self._visual_width) for times in inputs]

    def _heard(self, embedding: Float[np.ndarray, " feature"] | None) -> EmbeddedInput:
        return _input(None if embedding is None else embedding[None], self._audio_width)


class FeatureSource:
    """The features of one clip, and the means to add intervals to them.

    Once stored, neither they nor any interval that is stored calls an encoder again, whatever the labels and the other settings are.
    """

    def __init__(
        self,
        clip: Clip,
        backbone: Backbone,
        settings: Settings,
        store: Store | None = None,
        *,
        grid: Grid | None = None,
        every_interval: bool | None = None,
        batches: Batches | None = None,
        progress: Progress | None = None,
    ) -> None:
        """``every_interval``: embed all intervals of short parts at once; by default where there is a store."""
        self.every_interval = store is not None if every_interval is None else every_interval
        self.clip, self.settings, self.store = clip, settings, store
        self.grid = grid or Grid(clip.duration_seconds, settings.segment_seconds)
        self._extractor = Extractor(clip, self.grid, backbone, settings, batches, progress)
        self._models = models_of(backbone.info, settings)
        self._features = self._stored()
        self.was_stored = self._features is not None
        """Everything came from the store so far: nothing was decoded or encoded."""
        self.interval_seconds = 0.0
        """Wall clock spent on intervals that a method asked for."""

    def begin(self) -> None:
        """Decode the clip, if its features are not stored; its inputs may wait in batches shared with other clips."""
        if self._features is not None:
            return
        if self.store is not None:
            # The file is hashed while it is decoded; what goes wrong is raised when the digest is used.
            Thread(target=_hashed, args=[self.clip], name="av2a digest", daemon=True).start()
        self._extractor.begin()

    @property
    def is_complete(self) -> bool:
        """Whether the features can be had without waiting for a batch."""
        return self._features is not None or self._extractor.is_complete

    @property
    def features(self) -> ClipFeatures:
        """The features as far as they are known.

        Raises:
            OutputRefused: the store cannot be written.
            MediaError: the clip cannot be decoded.
        """
        if self._features is None:
            self.begin()
            self._features = self._extractor.features()
            self._embed_every_interval()
            self._keep()
        return self._features

    def add(self, intervals: Sequence[Interval]) -> None:
        """Embed intervals that the features do not hold, and keep them."""
        self.was_stored = False
        began = perf_counter()
        self._features = self._extractor.with_intervals(self.features, intervals)
        self.interval_seconds += perf_counter() - began
        self._keep()

    def _embed_every_interval(self) -> None:
        assert self._features is not None
        if not self.every_interval or self.settings.interval_features is IntervalFeatures.SEGMENTS:
            return
        every = [
            Interval(start, stop, part=part)
            for part, (_, segments, _) in enumerate(self._features.parts.tolist())
            if segments <= MOST_SEGMENTS
            for start, stop in combinations(range(segments + 1), 2)
        ]
        self._features = self._extractor.with_intervals(self._features, every)

    def _stored(self) -> ClipFeatures | None:
        if self.store is None or not self.store.may_hold(self.clip.size_bytes):
            return None
        made_by = self.made_by()
        features = self.store.read(made_by)
        if features is not None:
            # It may be known under another name.
            self.store.note(made_by, self.clip)
        return features

    def made_by(self) -> MadeBy:
        """Everything that the features depend on; for sources with a store. The file is read where its digest is not known."""
        assert self.store is not None
        clip = self.clip
        return {
            **self._models,
            "clip": {
                "sha256": self.store.known_digest(clip.identity) or clip.sha256,
                "size_bytes": clip.size_bytes,
                "video": None if clip.video is None else clip.video.index,
                "audio": None if clip.audio is None else clip.audio.index,
                "seconds": self.grid.duration_seconds,
            },
        }

    def _keep(self) -> None:
        if self.store is not None and self._features is not None:
            key = self.made_by()
            self.store.write(key, self._features, self.clip.identity)
            self.store.note(key, self.clip)
            self._features = self.store.read(key) or self._features


def _hashed(clip: Clip) -> None:
    with suppress(Av2aError, OSError):
        assert clip.sha256


def models_of(info: BackboneInfo, settings: Settings) -> MadeBy:
    """What features of any clip depend on. Not where the models ran: a store filled on a GPU serves any machine."""
    return {
        "version": STORE_VERSION,
        "backbone": {
            "name": info.name,
            "visual": info.visual,
            "audio": info.audio,
            "digest": info.digest,
            "precision": info.precision,
        },
        "sampling": sampling_of(settings),
    }


def sampling_of(settings: Settings) -> dict[str, Any]:
    """The settings that decide what is decoded and embedded, as plain values; equal where the same is embedded."""
    return {
        "sampling": settings.sampling.value,
        "frames_per_segment": settings.frames_per_segment if samples_by_time(settings) else 1,
        "sound": settings.sound.value,
        "segment_sound": (SegmentSound.SLICES if embeds_slices(settings) else SegmentSound.WINDOWS).value,
        "channels": settings.channels.value,
        "whole_windows": settings.selection is Selection.WHOLE,
        "segment_seconds": settings.segment_seconds,
        "window_seconds": settings.window_seconds,
        "silence_dbfs": settings.silence_dbfs,
        "blank_contrast": settings.blank_contrast,
    }


def _input(views: Float[np.ndarray, "view feature"] | None, width: int) -> EmbeddedInput:
    return EmbeddedInput(np.zeros((1, width), np.float32), False) if views is None else EmbeddedInput(views, True)


def _alike(views: Sequence[Float[np.ndarray, "_ feature"] | None], width: int) -> list[EmbeddedInput]:
    """Inputs of equally many views: a segment of which some frames are missing is seen in the others."""
    most = max((len(each) for each in views if each is not None), default=1)
    return [
        EmbeddedInput(np.zeros((most, width), np.float32), False)
        if each is None
        else EmbeddedInput(each[np.arange(most) * len(each) // most], True)
        for each in views
    ]


def _carried(segments: Sequence[EmbeddedInput]) -> Float32[np.ndarray, "segment feature"]:
    """Each segment's mean embedding, or where nothing was seen the last one before it (the first one, before any)."""
    means = np.stack([each.views for each in segments]).mean(axis=1, dtype=np.float32)
    seen: Bool[np.ndarray, " segment"] = np.array([each.is_there for each in segments])
    if not seen.any():
        return means
    last = np.maximum.accumulate(np.where(seen, np.arange(len(seen)), -1))
    return means[np.where(last < 0, int(np.argmax(seen)), last)]
