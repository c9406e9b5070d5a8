"""Which tag a label means, and when it means none."""

import numpy as np
import pytest

from av2a.backbones.light.backbone import rows_of
from av2a.backbones.light.bridge import SCALE, Tags
from av2a.methods.av2a.scores import against_background
from av2a.settings import Settings

TAGS = Tags(("Dog", "fire engine", "Rain"), ("Dog", "Bark", "fire engine", "Rain"), (0, 0, 1, 2), known_from=0.6)
HEADS = Tags(TAGS.names, TAGS.texts, TAGS.tag_of, known_from=0.6, heads_only=True)
TEXTS = np.eye(4, 5, dtype=np.float32)


def label(*near: float) -> np.ndarray:
    """A unit row with these cosines to the four texts."""
    return np.array([*near, np.sqrt(1 - np.square(near).sum())], np.float32)


def test_a_label_points_at_the_tag_of_its_nearest_text() -> None:
    rows = TAGS.rows(["woof", "shower"], np.stack([label(0.1, 0.7, 0, 0), label(0, 0, 0.1, 0.65)]), TEXTS)
    assert TAGS.meant_by(rows) == ["Dog", "Rain"]
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)


def test_a_label_that_is_near_no_text_is_not_known() -> None:
    rows = TAGS.rows(["juggling"], label(0.5, 0.59, 0.2, 0.1)[None], TEXTS)
    assert TAGS.meant_by(rows) == [None]


def test_where_heads_count_a_text_that_only_begins_with_the_label_is_passed_over() -> None:
    near = label(0.0, 0.0, 0.7, 0.62)[None]
    assert TAGS.meant_by(TAGS.rows(["fire"], near, TEXTS)) == ["fire engine"]
    assert HEADS.meant_by(HEADS.rows(["fire"], near, TEXTS)) == ["Rain"]
    assert HEADS.meant_by(HEADS.rows(["fire"], label(0, 0, 0.7, 0.5)[None], TEXTS)) == [None]


def test_the_inner_product_with_an_input_is_the_value_of_the_tag() -> None:
    inputs = rows_of(np.array([[1.0, -2.0, 3.0], [0.0, 4.0, -1.0]], np.float32), unknown=0.25)
    rows = TAGS.rows(["dog", "unheard of"], np.stack([label(0.9, 0, 0, 0), label(0, 0, 0, 0)]), TEXTS)
    assert inputs @ rows.T / SCALE == pytest.approx(np.array([[1, 0.25], [0, 0.25]]), abs=1e-6)


def test_labels_that_are_not_known_are_no_synonyms_of_each_other() -> None:
    near = np.stack([label(0, 0, 0, 0)] * 3)
    one, again, other = TAGS.rows(["juggling", "Juggling", "welding"], near, TEXTS)
    practical = Settings.practical().synonym_similarity
    assert one @ again > practical >= one @ other


@pytest.mark.parametrize("spread", [1e-3, 1.0])
def test_a_label_that_is_not_known_is_found_against_no_background(spread: float) -> None:
    """However near to each other, and however far below it, the values of what is known lie."""
    known = np.random.default_rng(0).normal(-9.0, spread, (5, 57))
    concepts = np.concatenate([known, np.full((5, 45), 0.58)], axis=1).astype(np.float32)
    z = against_background(np.full((5, 1), 0.58, np.float32), concepts, np.ones((1, 102), dtype=bool))
    assert z.max() < min(Settings.practical().initial_threshold, Settings.practical().category_threshold)


def test_labels_of_different_tags_are_no_synonyms() -> None:
    rows = TAGS.rows(["a", "b"], np.stack([label(0.9, 0, 0, 0), label(0, 0, 0, 0.9)]), TEXTS)
    assert rows[0] @ rows[1] < 0.25
