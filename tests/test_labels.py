"""Which labels are accepted: every ordered collection of names, and nothing else."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av2a.errors import InvalidLabels
from av2a.labels import checked_labels

pytestmark = pytest.mark.usefixtures("without_shape_checks")


def from_a_generator() -> Iterator[str]:
    yield from ("dog barking", "siren")


@pytest.mark.parametrize(
    "labels",
    [
        ["dog barking", "siren"],
        ("dog barking", "siren"),
        np.array(["dog barking", "siren"]),
        np.array(["dog barking", "siren"], dtype=object),
        from_a_generator(),
        {"dog barking": 1, "siren": 2}.keys(),
    ],
    ids=["list", "tuple", "array", "array of objects", "generator", "keys"],
)
def test_ordered_collections_of_names_are_accepted(labels: Iterable[str]) -> None:
    checked = checked_labels(labels)
    assert checked == ("dog barking", "siren")
    assert {type(label) for label in checked} == {str}


def endless() -> Iterator[str]:
    number = 0
    while True:
        yield str(number := number + 1)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "labels must be a list of names, got a NoneType"),
        (3, "labels must be a list of names, got an int"),
        (Path("labels.txt"), "labels must be a list of names, got a PosixPath"),
        ({"dog": 1}, "labels must be a list of names, got a dict"),
        (np.array("dog"), "labels must be a list of names, got a"),
        ("dog", "labels must be a list of names, got one string: put it in a list"),
        (b"dog", "got one string"),
        ({"dog", "cat"}, "labels must have an order, which a set has not: give sorted(labels)"),
        (frozenset(["dog"]), "labels must have an order, which a frozenset has not"),
        (["dog", 3], "event name 2 must be text, got 3"),
        ([b"dog"], "event name 1 must be text, got b'dog'"),
        (np.array([["dog"], ["cat"]]), "event name 1 must be text"),
        ([], "no event names given"),
        (["dog", " "], "event name 2 is empty"),
        (["dog", "cat", "dog"], "'dog' is given twice"),
        (["a" * 10_000], "has 10000 characters: use at most 200"),
        ([str(number) for number in range(1234)], "1234 event names given, more than the limit of 1000"),
        (endless(), "1001 event names given, more than the limit of 1000"),
    ],
)
def test_anything_else_is_refused_in_one_line(labels: Any, words: str) -> None:
    with pytest.raises(InvalidLabels, match=re.escape(words)) as refusal:
        checked_labels(labels)
    assert "\n" not in str(refusal.value)


def test_labels_keep_their_order_and_case() -> None:
    labels = ["Zebra", 'a "quoted" <b>', "ünï 🐕", "apple\nline"]
    assert list(checked_labels(labels)) == labels


def test_the_limit_can_be_moved() -> None:
    assert len(checked_labels([str(number) for number in range(1001)], most=2000)) == 1001
    with pytest.raises(InvalidLabels, match=r"2 event names given, more than the limit of 1: .*--limit labels=2"):
        checked_labels(["a", "b"], most=1)
