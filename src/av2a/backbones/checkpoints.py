"""The published checkpoints: their files, licences and sizes, and which of them each backbone consists of."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from av2a.errors import UnknownName, UsageError, one_line

WEIGHTS, TOKENIZER = "weights", "tokenizer"
"""In :attr:`Checkpoint.files`: the parameters and the tokenizer, whatever their files are called."""

NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    WEIGHTS: (
        ("model.safetensors",),
        ("model.safetensors.index.json",),
        ("pytorch_model.bin",),
        ("pytorch_model.bin.index.json",),
    ),
    TOKENIZER: (("tokenizer.json",), ("vocab.json", "merges.txt")),
}
"""The files that each may consist of, the best first. An index names further files, its shards."""

COMMIT = re.compile(r"[0-9a-f]{40}")
SHARD = re.compile(r"(model|pytorch_model)-\d+-of-\d+\.(safetensors|bin)")

OPTIONAL_FILES = (
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
)
"""Small files that are downloaded where a repository has them."""

TOWERS = ("config.json", WEIGHTS)
ALL = (*TOWERS, TOKENIZER)


@dataclass(frozen=True)
class Checkpoint:
    """One repository, and the files of it that a loader needs."""

    repo: str
    """``owner/name`` on the hub, or the path of a folder on this machine."""
    revision: str | None = None
    """A commit, tag or branch; None is the newest, ``main``."""
    files: tuple[str, ...] = ALL
    """Names of files, :data:`WEIGHTS` and :data:`TOKENIZER`."""

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision[:12]}"

    @property
    def recorded(self) -> str:
        """The name in outputs; of a folder on this machine only its last part."""
        return f"{Path(self.repo).name} (a folder)" if Path(self.repo).is_absolute() else str(self)


def checkpoint_named(text: str, files: tuple[str, ...] = ALL) -> Checkpoint:
    """The checkpoint that a user names: ``owner/name``, ``owner/name@revision`` or a folder.

    A repository of the table has its pinned revision, unless the text names another.

    Raises:
        UsageError: the text is neither.

    >>> checkpoint_named("laion/clap-htsat-fused@v2", TOWERS)
    Checkpoint(repo='laion/clap-htsat-fused', revision='v2', files=('config.json', 'weights'))
    """
    folder = Path(os.path.expanduser(text))  # noqa: PTH111 - which leaves ~ where the user has no home folder
    if text and folder.is_dir():
        return Checkpoint(str(folder.absolute()), None, files)
    repo, at, revision = text.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo) or ".." in text or (at and not re.fullmatch(r"[\w./-]+", revision)):
        raise UsageError(
            f"{one_line(text)!r} is neither a folder nor a checkpoint's name: "
            "write it as owner/name, owner/name@revision or the path of a folder"
        )
    known = published(Checkpoint(repo))
    pinned = None if known is None else known.checkpoint.revision
    return Checkpoint(repo, revision or pinned, files)


@dataclass(frozen=True)
class Published:
    """A checkpoint of the table, and what a user wants to know before the download."""

    checkpoint: Checkpoint
    licence: str
    megabytes: int
    """The approximate size of the download."""
    gives: str


def _clap(repo: str, megabytes: int, gives: str, revision: str | None = None) -> Published:
    return Published(Checkpoint(repo, revision), "Apache-2.0", megabytes, gives)


# Revisions as public code pins them; where none is known, the newest is used and its commit recorded.
CLIP_B32 = Published(
    Checkpoint("openai/clip-vit-base-patch32", "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268"),
    licence="MIT",
    megabytes=607,
    gives="images and labels, 512 features each",
)
CLIP_L14 = Published(
    Checkpoint("openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41"),
    licence="MIT",
    megabytes=1713,
    gives="images and labels, 768 features each",
)
CLAP = _clap(
    "laion/clap-htsat-unfused",
    617,
    "audio of 10 s and labels, 512 features each",
    revision="8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a",
)
CLAP_LARGER = _clap(
    "laion/larger_clap_general",
    780,
    "audio of 10 s and labels, 512 features each",
    revision="ada0c23a36c4e8582805bb38fec3905903f18b41",
)
CLAP_LARGER_SPEECH = _clap(
    "laion/larger_clap_music_and_speech",
    780,
    "as larger_clap_general, for music and speech",
    revision="195c3a3e68faebb3e2088b9a79e79b43ddbda76b",
)
SIGLIP2 = Published(
    Checkpoint("google/siglip2-base-patch16-224", "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2"),
    licence="Apache-2.0",
    megabytes=1540,
    gives="images and labels in many languages, 768 features each",
)
METACLIP2 = Published(
    Checkpoint("facebook/metaclip-2-worldwide-huge-quickgelu", "c139061af7b10fdb2e754b60d2b1182a3d5526c2"),
    licence="CC-BY-NC-4.0",
    megabytes=7500,
    gives="images and labels in many languages, 1024 features each",
)
LANGUAGEBIND_IMAGE = Published(
    Checkpoint("LanguageBind/LanguageBind_Image", "d8c2e37b439f4fc47c649dc8b90cdcd3a4e0c80e"),
    licence="MIT",
    megabytes=1714,
    gives="images and labels, 768 features each",
)
LANGUAGEBIND_VIDEO = Published(
    Checkpoint("LanguageBind/LanguageBind_Video_FT", "13f52c20ce666a7d017bcd00522039f4ab034a66", TOWERS),
    licence="MIT",
    megabytes=2117,
    gives="videos of 8 frames, 768 features each",
)
LANGUAGEBIND_AUDIO = Published(
    Checkpoint("LanguageBind/LanguageBind_Audio_FT", "4820c496563c46acfb1ff9a486fae5319f16257e", TOWERS),
    licence="MIT",
    megabytes=1715,
    gives="audio of 10 s, 768 features each",
)
PE_AV = Published(
    Checkpoint("facebook/pe-av-large"),
    licence="Apache-2.0",
    megabytes=6500,
    gives="images, videos and labels",
)
PE_A_FRAME = Published(
    Checkpoint("facebook/pe-a-frame-large", "40187271298f84e2966d4518c88dde698540c9ad"),
    licence="Apache-2.0",
    megabytes=5600,
    gives="audio, 25 embeddings a second, and labels",
)


def published(checkpoint: Checkpoint) -> Published | None:
    """The table's entry of a checkpoint's repository; None for other repositories."""
    return next((entry for entry in PUBLISHED if entry.checkpoint.repo == checkpoint.repo), None)


VISION = {"clip": CLIP_B32, "clip-large": CLIP_L14, "siglip2": SIGLIP2, "metaclip2": METACLIP2, "pe-av": PE_AV}
"""Models that may stand before the + of a pair."""
SOUND = {"clap": CLAP, "clap-larger": CLAP_LARGER, "clap-larger-speech": CLAP_LARGER_SPEECH, "pe-a-frame": PE_A_FRAME}
"""Models that may stand after it."""

LANGUAGEBIND = "languagebind"
NAMED_PAIRS = {"clip-clap": ("clip", "clap"), "pe-av": ("pe-av", "pe-a-frame")}
"""Pairs with a name of their own, which outputs use also where the user wrote ``vision+sound``."""

BACKBONES: dict[str, tuple[Published, ...]] = {
    "clip-clap": (CLIP_B32, CLAP),
    LANGUAGEBIND: (LANGUAGEBIND_IMAGE, LANGUAGEBIND_VIDEO, LANGUAGEBIND_AUDIO),
    "pe-av": (PE_AV, PE_A_FRAME),
}
"""The checkpoints of each backbone with a name of its own; ``mini`` needs none."""
PUBLISHED = (*VISION.values(), *SOUND.values(), *BACKBONES[LANGUAGEBIND])
"""All checkpoints, each once."""


def halves(name: str) -> tuple[str, str]:
    """The two models of a pair, by its own name or as ``vision+sound``.

    Raises:
        UnknownName: it is no pair, or one of the two is unknown.

    >>> halves("siglip2+clap"), halves("clip-clap")
    (('siglip2', 'clap'), ('clip', 'clap'))
    """
    if name in NAMED_PAIRS:
        return NAMED_PAIRS[name]
    vision, plus, sound = name.partition("+")
    if not plus:
        raise UnknownName.among(
            "backbone", name, [*BACKBONES, "light", "mini", *(f"{vision}+clap" for vision in VISION)]
        )
    if vision not in VISION:
        raise UnknownName.among("vision model", vision, VISION)
    if sound not in SOUND:
        raise UnknownName.among("sound model", sound, SOUND)
    return vision, sound


def own_name(name: str) -> str:
    """The name of a backbone in outputs and in tables of settings.

    Raises:
        UnknownName: no backbone has that name.

    >>> own_name("clip+clap"), own_name("siglip2+clap")
    ('clip-clap', 'siglip2+clap')
    """
    if name in ("mini", "light") or name in BACKBONES:
        return name
    pair = halves(name)
    return next((named for named, made_of in NAMED_PAIRS.items() if made_of == pair), name)


def parts_of(backbone: str) -> tuple[Published, ...]:
    """The checkpoints of a backbone, or of a pair ``vision+sound``.

    Raises:
        UnknownName: no backbone has that name.

    >>> [part.checkpoint.repo for part in parts_of("siglip2+clap")]
    ['google/siglip2-base-patch16-224', 'laion/clap-htsat-unfused']
    """
    if backbone in ("mini", "light"):
        return ()
    if backbone in BACKBONES:
        return BACKBONES[backbone]
    vision, sound = halves(backbone)
    return VISION[vision], SOUND[sound]


def chosen_checkpoints(
    backbone: str, visual_model: str | None = None, audio_model: str | None = None
) -> list[Checkpoint]:
    """The checkpoints of a backbone, those of the table unless the user names others of the same families.

    LanguageBind has several versions of its video checkpoint; labels and single frames are always embedded by its image checkpoint.

    Raises:
        UnknownName: no backbone has that name.
        UsageError: the name of a checkpoint is invalid.
    """
    chosen = [part.checkpoint for part in parts_of(backbone)]
    for place, model in ((-2, visual_model), (-1, audio_model)):
        if model is not None:
            chosen[place] = checkpoint_named(model, chosen[place].files)
    return chosen


def pairs() -> Iterator[str]:
    """The names of all pairs."""
    return (f"{vision}+{sound}" for vision in VISION for sound in SOUND)


def backbone_with(checkpoints: Sequence[Checkpoint]) -> str | None:
    """The first backbone that contains these checkpoints, by which they are downloaded; None for a user's own."""
    repos = {checkpoint.repo for checkpoint in checkpoints}
    for name in (*BACKBONES, *pairs()):
        if repos <= {part.checkpoint.repo for part in parts_of(name)}:
            return name
    return None
