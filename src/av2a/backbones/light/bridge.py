"""From a user's label to the tag that means the same: the nearest by a sentence encoder, if it is near enough.

A label's row has a number for each tag of a stream, and more behind them. A label that is known points at its tag; one that is not
points at a place that holds the same in every segment, near the background's mean. The last places are 0 in every segment; they bring
all rows to one length. Labels of one tag share the last of them and so are synonyms, which do not count against each other; of labels
that are not known nothing is known, so each has a place of its own (two in some sixty share one). All concepts of the background that
are not known then count against such a label with its own value, so it is never found: where a share q of a background equals the
label, it lies at most √((1 − q) / q) standard deviations above the mean, 1.2 for what is seen and 1.6 for what is heard.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

SCALE = 0.9
"""A label's row at its tag; the rest of the row's length lies in the place that is always 0. The method is the same for any scale."""

BEHIND = 64
"""How many places there are behind the tags."""
UNKNOWN, ALWAYS_ZERO = -BEHIND, -1
"""The first and the last of them."""


@dataclass(frozen=True)
class Tags:
    """What a stream's models can tell apart."""

    names: tuple[str, ...]
    """As users see them."""
    texts: tuple[str, ...]
    """All texts of all tags."""
    tag_of: tuple[int, ...]
    """The tag that each text belongs to."""
    known_from: float
    """A label whose nearest text has a lower cosine is not known."""
    heads_only: bool = False
    """Whether a text that merely begins with the label is another thing: rain is no rain barrel."""

    def __len__(self) -> int:
        return len(self.names)

    def rows(
        self,
        labels: Sequence[str],
        label_texts: Float[np.ndarray, "label feature"],
        tag_texts: Float[np.ndarray, "text feature"],
    ) -> Float32[np.ndarray, "label place"]:
        """One row of length 1 a label, independent of the others; texts come as unit rows of the sentence encoder."""
        rows = np.zeros((len(labels), len(self) + BEHIND), np.float32)
        for row, label, near in zip(rows, labels, label_texts @ tag_texts.T, strict=True):
            best = self._nearest(label, near)
            own = UNKNOWN + 1 + zlib.crc32(label.casefold().encode()) % (BEHIND - 2)
            row[UNKNOWN if best is None else best] = SCALE
            row[own if best is None else ALWAYS_ZERO] = np.sqrt(1 - SCALE**2)
        return rows

    def _nearest(self, label: str, near: Float[np.ndarray, " text"]) -> int | None:
        for text in np.argsort(-near, kind="stable").tolist():
            if near[text] < self.known_from:
                return None
            if not (self.heads_only and is_only_beginning(label, self.texts[text])):
                return self.tag_of[text]
        return None

    def meant_by(self, rows: Float[np.ndarray, "label place"]) -> list[str | None]:
        """The name of the tag that each row points at; None for a label that is not known."""
        places = np.abs(rows).argmax(axis=1).tolist()
        return [self.names[place] if place < len(self) else None for place in places]


def is_only_beginning(label: str, text: str) -> bool:
    """Whether ``text`` begins with the label and goes on to something else.

    >>> is_only_beginning("fire", "fire engine"), is_only_beginning("snow", "snowplow"), is_only_beginning("dog", "dogs")
    (True, True, False)
    """
    begun, whole = label.casefold().split(), text.casefold().split()
    if len(whole) > len(begun):
        return whole[: len(begun)] == begun
    if len(begun) == len(whole) == 1 and whole[0].startswith(begun[0]):
        return whole[0].removeprefix(begun[0]) not in ("", "s", "es", "ing", "er", "ers")
    return False
