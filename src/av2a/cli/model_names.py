"""What a user names when asking for weights: a backbone, or one checkpoint."""

from av2a.backbones.checkpoints import BACKBONES, Checkpoint, checkpoint_named, parts_of
from av2a.errors import UsageError

EVERYTHING = "all"


def asked_checkpoints(name: str) -> list[Checkpoint]:
    """The checkpoints of a backbone, of all backbones that are no pair, or the one of that name.

    Raises:
        UnknownName: no backbone has that name.
        UsageError: the backbone has none to fetch.

    >>> [str(checkpoint) for checkpoint in asked_checkpoints("my/model")]
    ['my/model']
    """
    if name == EVERYTHING:
        return [part.checkpoint for parts in BACKBONES.values() for part in parts]
    if "/" in name:
        return [checkpoint_named(name)]
    parts = parts_of(name)
    if not parts:
        raise UsageError(f"backbone {name!r} comes with its weights, there is nothing to fetch: see av2a backbones")
    return [part.checkpoint for part in parts]
