"""The three splits of public benchmarks, by name."""

from enum import Enum

from av2a.errors import UnknownName


class Split(Enum):
    """A part of a benchmark."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"

    @classmethod
    def named(cls, name: str) -> "Split":
        """The split of that name; ``val`` is validation.

        >>> Split.named("val")
        <Split.VALIDATION: 'validation'>

        Raises:
            UnknownName: there is no such split.
        """
        name = "validation" if name == "val" else name
        if name not in [split.value for split in cls]:
            raise UnknownName.among("split", name, [split.value for split in cls])
        return cls(name)
