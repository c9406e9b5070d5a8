"""Finds weights in a folder or in the hub's own cache, or has them downloaded; reads them and computes their digest.
from av2a.wording import first_few

Nothing here runs code from a repository: parameters are read from safetensors, or from a pickle that may hold nothing but
tensors (``torch.load(weights_only=True)``). Neither the network nor PyTorch is used before it is needed.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from av2a.backbones import checkpoints as table
from av2a.backbones import hub
from av2a.backbones.checkpoints import COMMIT, NAMES, SHARD, TOKENIZER, WEIGHTS
from av2a.backbones.checkpoints import Checkpoint as Checkpoint
from av2a.backbones.hub import Progress as Progress
from av2a.backbones.hub import repo_folder, stated_digest
from av2a.digests import has_digest, sha256
from av2a.errors import MissingDependency, MissingFile, MissingWeights, WeightsUnavailable, one_line
from av2a.installation import install_command
from av2a.paths import hub_cache, shown
from av2a.wording import first_few

FOLDER_VARIABLE = "AV2A_WEIGHTS"
MANIFEST = "av2a.json"
"""The file that ``av2a weights fetch --to`` writes beside weights: their origin, and the SHA-256 of each file."""


class Origin(Enum):
    """Where weights were found."""

    FOLDER = "folder"
    CACHE = "cache"
    DOWNLOAD = "download"


@dataclass(frozen=True)
class Folder:
    """A checkpoint's files on this machine."""

    path: Path
    repo: str
    revision: str | None
    """The commit, where it is known."""
    origin: Origin


@dataclass(frozen=True)
class Sources:
    """Where to search for weights, in this order: a folder, the hub's cache, the hub."""

    folder: Path | None = None
    """As the hub lays out its cache, or with a folder for each model."""
    cache: Path | None = None
    """None is the hub's own: ``HF_HUB_CACHE``, else under ``HF_HOME``."""
    endpoint: str | None = None
    """None is the hub's own: ``HF_ENDPOINT``, else huggingface.co."""
    download: bool = True

    def hub_cache(self) -> Path:
        """The cache of the hub.

        Raises:
            UsageError: no variable names it, and the user has no home folder.
        """
        return hub_cache() if self.cache is None else self.cache

    @classmethod
    def chosen(cls, folder: Path | None = None, *, download: bool = True) -> "Sources":
        """With the folder given, else that of ``AV2A_WEIGHTS``.

        Raises:
            MissingFile: there is no such folder.
        """
        named = os.environ.get(FOLDER_VARIABLE)
        if folder is None and named:
            folder = Path(named)
        if folder is not None:
            folder = Path(os.path.expanduser(folder))  # noqa: PTH111 - which leaves ~ where the user has no home folder
            if not folder.is_dir():
                raise MissingFile(
                    f"there is no folder {one_line(str(folder))!r} with weights: check --weights and {FOLDER_VARIABLE}"
                )
        return cls(folder=folder, download=download)


@dataclass
class Search:
    """The search for one checkpoint: the folder that was found, or why each place was rejected."""

    checkpoint: Checkpoint
    found: Folder | None = None
    reasons: list[str] = field(default_factory=list)


def resolve(checkpoint: Checkpoint, sources: Sources | None = None, progress: Progress | None = None) -> Folder:
    """The checkpoint's folder; it is downloaded when it is not on this machine.

    Raises:
        WeightsUnavailable: it is not on this machine and cannot be downloaded.
    """
    return resolve_all([checkpoint], sources, progress)[0]


def resolve_all(
    checkpoints: Sequence[Checkpoint],
    sources: Sources | None = None,
    progress: Progress | None = None,
    *,
    check: bool = False,
) -> list[Folder]:
    """The folder of each checkpoint; missing ones are downloaded, or named in one error.

    With ``check`` a file in the hub's cache that is not what was published counts as missing. Nothing is downloaded into a
    user's folder: see :func:`av2a.backbones.portable.refuse_damaged`.

    Raises:
        WeightsUnavailable: as :func:`resolve`.
    """
    sources = Sources.chosen() if sources is None else sources
    searches = [search(checkpoint, sources) for checkpoint in checkpoints]
    if check:
        for each in searches:
            _check(each)
    missing = [each for each in searches if each.found is None]
    if missing:
        _fetch_into(missing, sources, progress)
    return [each.found for each in searches if each.found is not None]


def check_all(checkpoints: Sequence[Checkpoint], sources: Sources) -> None:
    """Refuse checkpoints that :func:`resolve_all` could not provide, as far as that is known without downloading.

    Raises:
        WeightsUnavailable: as :func:`resolve`.
    """
    missing = [each for each in (search(checkpoint, sources) for checkpoint in checkpoints) if each.found is None]
    if missing:
        _fetch_into(missing, sources, None, only_check=True)


def _check(search: Search) -> None:
    """Reject what was found in the cache when a file does not have the digest in its name."""
    if search.found is None or search.found.origin is not Origin.CACHE:
        return
    folder = search.found.path
    stated = {name: stated_digest(folder / name) for name in all_files(folder)}
    wrong = [name for name, known in stated.items() if known is not None and not has_digest(folder / name, known)]
    if wrong:
        search.found = None
        search.reasons.append(f"{', '.join(wrong)} damaged in {shown(folder)}")


def _fetch_into(
    missing: Sequence[Search], sources: Sources, progress: Progress | None, *, only_check: bool = False
) -> None:
    if not sources.download:
        raise _missing(missing, "nothing is downloaded here")
    if any(Path(each.checkpoint.repo).is_absolute() for each in missing):
        raise _missing(missing, "a folder is not downloaded")
    try:
        for each in missing:
            source = hub.Hub(sources.hub_cache(), sources.endpoint)
            if only_check:
                hub.check(each.checkpoint, source)
                continue
            path = hub.fetch(each.checkpoint, source, progress)
            each.found = Folder(path, each.checkpoint.repo, path.name, Origin.DOWNLOAD)
    except hub.HubUnreachable as unreachable:
        raise _missing(missing, str(unreachable)) from unreachable


def _missing(searches: Sequence[Search], why_not_downloaded: str) -> MissingWeights:
    """The error that names what is missing, where it was searched for, and what the user can do."""
    absent = [each for each in searches if each.found is None]
    reasons = ["; ".join(each.reasons) for each in absent]
    names = [each.checkpoint.repo if _is_as_published(each.checkpoint) else str(each.checkpoint) for each in absent]
    if len(set(reasons)) == 1:
        what = f"{' and '.join(names)} ({reasons[0]})"
    else:
        what = " and ".join(f"{name} ({reason})" for name, reason in zip(names, reasons, strict=True))
    first = f"weights are not on this machine: {what}; {why_not_downloaded}"
    fetched = _fetched_as([each.checkpoint for each in absent])
    if not fetched:
        return MissingWeights(f"{first}\ncopy the folder here again, whole, or name another")
    commands = " && ".join(f"av2a weights fetch {name}" for name in fetched)
    return MissingWeights(
        f"{first}\ndownload them: {commands} (for a machine without a network: add --to DIR, copy DIR, give --weights DIR)\n"
        f"or name where they are: --weights DIR, {FOLDER_VARIABLE} or HF_HOME"
    )


def _is_as_published(checkpoint: Checkpoint) -> bool:
    known = table.published(checkpoint)
    return known is not None and known.checkpoint.revision == checkpoint.revision


def _fetched_as(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """The arguments of ``av2a weights fetch`` that download these: one backbone for all, else each by name; no folders."""
    backbone = table.backbone_with(checkpoints) if all(map(_is_as_published, checkpoints)) else None
    if backbone is not None:
        return [backbone]
    remote = [each for each in checkpoints if not Path(each.repo).is_absolute()]
    return [each.repo if each.revision is None else f"{each.repo}@{each.revision}" for each in remote]


# Search.


def search(checkpoint: Checkpoint, sources: Sources) -> Search:
    """Search for a checkpoint on this machine; nothing is written, and the network is not used."""
    result = Search(checkpoint)
    if Path(checkpoint.repo).is_absolute():
        _consider(result, Path(checkpoint.repo), None, Origin.FOLDER, place="")
        return result
    if sources.folder is not None:
        _search_folder(result, sources.folder)
    if result.found is None:
        _search_cache(result, sources.hub_cache(), Origin.CACHE)
    return result


def _search_folder(result: Search, folder: Path) -> None:
    owner, _, name = result.checkpoint.repo.partition("/")
    for path in (folder / owner / name, folder / name, folder / f"{owner}--{name}"):
        if result.found is None and path.is_dir():
            _consider(result, path, read_manifest(path).get("revision"), Origin.FOLDER)
    for root in (folder, folder / "hub"):
        if result.found is None and repo_folder(root, result.checkpoint).is_dir():
            _search_cache(result, root, Origin.FOLDER)
    if result.found is None and not result.reasons:
        result.reasons.append(f"not in {shown(folder)}")


def _search_cache(result: Search, cache: Path, origin: Origin) -> None:
    """Search in the cache of the hub's client."""
    repo = repo_folder(cache, result.checkpoint)
    revision = result.checkpoint.revision or "main"
    commit = revision if COMMIT.fullmatch(revision) else _text(repo / "refs" / revision)
    if commit and (repo / "snapshots" / commit).is_dir():
        _consider(result, repo / "snapshots" / commit, commit, origin, place=shown(cache))
        return
    others = sorted(path.name[:12] for path in (repo / "snapshots").glob("*"))
    there = f", only its revision {', '.join(others)}" if others else ""
    result.reasons.append(f"not in {shown(cache)}{there}")


def _consider(result: Search, path: Path, revision: Any, origin: Origin, place: str | None = None) -> None:
    """Take the folder, unless it lacks a file or is known to be of another revision."""
    wanted = result.checkpoint.revision
    place = shown(path) if place is None else place
    where = f" in {place}" if place else ""
    lacks = missing_files(path, result.checkpoint)
    if lacks:
        result.reasons.append(f"no {', no '.join(lacks)}{where}")
    elif isinstance(revision, str) and wanted and COMMIT.fullmatch(wanted) and revision != wanted:
        result.reasons.append(f"revision {revision[:12]}{where}")
    else:
        result.found = Folder(path, result.checkpoint.repo, revision if isinstance(revision, str) else None, origin)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a copied folder says of itself; nothing where there is no manifest."""
    try:
        content = json.loads(_text(folder / MANIFEST) or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


# Files.


def missing_files(folder: Path, checkpoint: Checkpoint) -> list[str]:
    """Names of the files that a checkpoint's folder lacks; empty when it is complete."""
    return [_in_words(entry) for entry in checkpoint.files if not _files_for(entry, folder)]


def _in_words(entry: str) -> str:
    if entry not in NAMES:
        return entry
    names = " or ".join(" with ".join(group) for group in NAMES[entry] if not group[0].endswith(".index.json"))
    return f"{entry} ({names})"


def _files_for(entry: str, folder: Path) -> list[str]:
    """The files in a folder that an entry of :attr:`Checkpoint.files` stands for; empty when one is missing."""
    for names in NAMES.get(entry, ((entry,),)):
        if all((folder / name).is_file() for name in names):
            shards = [shard for name in names if name.endswith(".index.json") for shard in shards_in(folder / name)]
            if all((folder / shard).is_file() for shard in shards):
                return [*names, *shards]
    return []


def shards_in(index: Path) -> list[str]:
    """The names of the files that an index distributes the parameters over.

    Raises:
        WeightsUnavailable: the index is damaged, or names a file that is no shard.
    """
    content = read_json(index)
    names = sorted(set(content.get("weight_map", {}).values()))
    if not names or not all(isinstance(name, str) and SHARD.fullmatch(name) for name in names):
        raise damaged(index, "it names no shards")
    return names


def used_files(folder: Path) -> list[str]:
    """The files of a folder that determine what a model computes: configuration, parameters, tokenizer."""
    entries = ("config.json", WEIGHTS, TOKENIZER)
    return sorted({name for entry in entries for name in _files_for(entry, folder)})


def all_files(folder: Path) -> list[str]:
    """The files of a checkpoint that are there, optional ones included."""
    optional = {name for name in table.OPTIONAL_FILES if (folder / name).is_file()}
    return sorted({*used_files(folder), *optional})


# Reading.


def read_json(file: Path) -> dict[str, Any]:
    """A small JSON file of a checkpoint.

    Raises:
        WeightsUnavailable: there is none, or it is damaged.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise WeightsUnavailable(f"{shown(file)} is missing: {again(file.parent)}") from missing
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(file, one_line(str(error))) from error
    if not isinstance(content, dict):
        raise damaged(file, "it holds no table")
    return content


def read_config(folder: Path, *model_types: str) -> dict[str, Any]:
    """The configuration of a checkpoint, checked to be of one of these architectures.

    Raises:
        WeightsUnavailable: it is missing, damaged, or of another architecture.
    """
    config = read_json(folder / "config.json")
    found = config.get("model_type")
    if model_types and found not in model_types:
        raise WeightsUnavailable(
            f"{shown(folder)} holds a model of type {one_line(str(found))!r}, and {' or '.join(map(repr, model_types))} "
            "is needed: name another checkpoint"
        )
    return config


def read_state(folder: Path) -> dict[str, Any]:
    """The parameters of a checkpoint as tensors by name, on the CPU, as stored.

    Raises:
        WeightsUnavailable: they are missing, damaged, or no plain tensors.
    """
    names = _files_for(WEIGHTS, folder)
    if not names:
        raise WeightsUnavailable(f"{shown(folder)} has no {_in_words(WEIGHTS)}: {again(folder)}")
    state: dict[str, Any] = {}
    for name in names:
        if not name.endswith(".index.json"):
            state.update(_read_tensors(folder / name))
    return state


def _read_tensors(file: Path) -> Mapping[str, Any]:
    try:
        read = _safetensors if file.suffix == ".safetensors" else _pickled_tensors
        return read(file)
    except ModuleNotFoundError as missing:
        raise MissingDependency(f"reading weights needs {missing.name!r}: {install_command('models')}") from missing
    except WeightsUnavailable:
        raise
    # Each reader has its own errors, and a damaged file raises anything.
    except Exception as error:
        raise damaged(file, f"{type(error).__name__}: {one_line(str(error))}") from error


def _safetensors(file: Path) -> Mapping[str, Any]:
    from safetensors.torch import load_file

    return load_file(file)


def _pickled_tensors(file: Path) -> Mapping[str, Any]:
    import pickle
    import zipfile

    import torch

    try:
        # Only files of today's format can be mapped, which spares a copy in memory.
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except pickle.UnpicklingError as refused:
        raise WeightsUnavailable(
            f"{shown(file)} is damaged, or holds more than tensors and could run code, so it is not read: {again(file.parent)}, "
            "or look for a checkpoint with safetensors"
        ) from refused
    if not isinstance(state, dict) or not all(torch.is_tensor(value) for value in state.values()):
        raise damaged(file, "it is no table of tensors")
    return state


def again(folder: Path) -> str:
    """How to replace the damaged files of a folder, for error messages: only those in the hub's cache can be downloaded again."""
    cache = hub_cache()
    if folder.is_relative_to(cache):
        kept = folder.relative_to(cache).parts[:1]
        if kept and kept[0].startswith("models--"):
            repo = kept[0].removeprefix("models--").replace("--", "/", 1)
            return f"fetch it again with 'av2a weights fetch {repo}', which keeps what is whole"
    return "copy it again"


def damaged(file: Path, how: str) -> WeightsUnavailable:
    """The error for a damaged file."""
    return WeightsUnavailable(f"{shown(file)} is damaged ({how}): {again(file.parent)}")


def load_strictly(model: Any, state: Mapping[str, Any], folder: Path) -> None:
    """Load all parameters of a ``torch.nn.Module``, and no others.

    ``position_ids`` are constants that some versions stored, and are ignored.

    Raises:
        WeightsUnavailable: configuration and parameters contradict each other.
    """
    given = {name: value for name, value in state.items() if not name.endswith("position_ids")}
    wanted = {name: value for name, value in model.state_dict().items() if not name.endswith("position_ids")}
    check_fit({name: tuple(value.shape) for name, value in wanted.items()}, given, shown(folder))
    model.load_state_dict(given, strict=False)


def check_fit(expected: Mapping[str, tuple[int, ...]], state: Mapping[str, Any], where: str) -> None:
    """Refuse parameters that are unexpected, missing, or of another shape.

    Raises:
        WeightsUnavailable: naming ``where`` they are from, and the first few of each.
    """
    misshapen = [
        f"{name} is {tuple(state[name].shape)}, not {shape}"
        for name, shape in expected.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    differences = {
        "missing": sorted(expected.keys() - state.keys()),
        "unexpected": sorted(state.keys() - expected.keys()),
        "wrong shape": misshapen,
    }
    if any(differences.values()):
        raise misfit(where, "; ".join(f"{kind}: {first_few(names, 3)}" for kind, names in differences.items() if names))


def misfit(where: str, difference: str) -> WeightsUnavailable:
    """The error for a configuration and weights of different models."""
    return WeightsUnavailable(
        f"the configuration and the weights in {where} contradict each other ({difference}): "
        "get all its files of one revision, or name another checkpoint"
    )


# Digests.


def digest(folder: Path) -> str:
    """SHA-256 over the files that determine what the model computes, whatever folder they are in.

    For a file in the hub's cache the name of its blob is used, which is its SHA-256 and was checked after the
    download; ``av2a weights verify`` computes it again.
    """
    lines = (f"{file_digest(folder / name)}  {name}\n" for name in used_files(folder))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_digest(file: Path) -> str:
    """The SHA-256 of a file, taken from its blob's name in the hub's cache where that is one."""
    stated = stated_digest(file)
    return stated if stated is not None and len(stated) == 64 else sha256(file)
