import pytest

from av2a.background import BACKGROUND, CONCEPTS, near_synonym


@pytest.mark.parametrize("concept", BACKGROUND)
def test_every_concept_is_recognised_by_its_own_name(concept: str) -> None:
    assert near_synonym(concept, concept)


def test_every_concept_leaves_most_others_standing() -> None:
    for label in BACKGROUND:
        left_out = [concept for concept in BACKGROUND if near_synonym(label, concept)]
        assert len(left_out) <= 15, (label, left_out)


@pytest.mark.parametrize(
    ("label", "concept"),
    [
        ("dog bark", "a dog barking"),
        ("Dogs!", "a dog barking"),
        ("police_siren", "a siren"),
        ("Violin_fiddle", "a violin"),
        ("acoustic guitar", "music playing"),
        ("motorbike", "a motorcycle"),
    ],
)
def test_near_synonyms_are_recognised(label: str, concept: str) -> None:
    assert near_synonym(label, concept)


@pytest.mark.parametrize(
    ("label", "concept"), [("cat", "a cow mooing"), ("catalogue", "a cat meowing"), ("dogma", "a dog barking")]
)
def test_words_that_only_begin_alike_are_not(label: str, concept: str) -> None:
    assert not near_synonym(label, concept)


def test_a_users_own_concept_is_recognised_by_its_words() -> None:
    assert near_synonym("printing press", "a large press")
    assert not near_synonym("dog", "a large press")


def test_concepts_have_words_to_be_recognised_by() -> None:
    assert all(words.split() for words in CONCEPTS.values())
