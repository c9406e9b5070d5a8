"""Annotations by clip, made from the rows of event tables: LLP's and a user's own."""

from collections.abc import Collection
from dataclasses import dataclass, field

from av2a.datasets.dataset import Annotation
from av2a.datasets.rows import AnnotationRow, UnusedRows, Why
from av2a.types import Modality


@dataclass
class Annotated:
    """Annotations by clip name, each once, in the order of their rows."""

    known: Collection[str]
    """The categories; rows with another label are counted and left out."""
    left_out: UnusedRows
    found: dict[str, dict[Annotation, None]] = field(default_factory=dict)

    def add(self, clip: str, row: AnnotationRow, modality: Modality) -> None:
        """Add the event of a row, or count why it is not used.

        Raises:
            InvalidAnnotations: its times are invalid.
        """
        label = row["event_label"].strip()
        onset, offset = row.seconds("onset"), row.seconds("offset")
        self.mention(clip)
        if label not in self.known:
            self.left_out.add(row, Why.UNKNOWN_LABEL, label or "no label")
        elif onset >= offset:
            self.left_out.add(row, Why.EMPTY)
        elif (event := Annotation(label, modality, onset, offset)) in self.found[clip]:
            self.left_out.add(row, Why.DUPLICATE)
        else:
            self.found[clip][event] = None

    def mention(self, clip: str) -> None:
        """Record that a clip is annotated, whether with events or with none."""
        self.found.setdefault(clip, {})

    def of(self, clip: str) -> tuple[Annotation, ...]:
        """The annotations of a clip, maybe none."""
        return tuple(self.found.get(clip, ()))


def split_labels(row: AnnotationRow, known: Collection[str], left_out: UnusedRows) -> tuple[str, ...]:
    """The comma-separated labels of a row, each once; those that are no category are counted."""
    labels = [label.strip() for label in row["event_label"].split(",") if label.strip()]
    for label in labels:
        if label not in known:
            left_out.add(row, Why.UNKNOWN_LABEL, label)
    return tuple(dict.fromkeys(label for label in labels if label in known))
