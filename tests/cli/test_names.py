from pathlib import Path

import pytest

from av2a.cli.detect import LabelOptions
from av2a.errors import InvalidLabels, MissingFile


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_names_keep_their_case_and_order_over_all_options(tmp_path: Path) -> None:
    file = written(tmp_path / "names.txt", b"zebra\nApple\n")
    assert LabelOptions(["Speech, dog barking", "Siren"], ["rain, heavy"], file).labels() == [
        "Speech",
        "dog barking",
        "Siren",
        "rain, heavy",
        "zebra",
        "Apple",
    ]


def test_a_file_of_names_may_come_from_any_editor(tmp_path: Path) -> None:
    file = written(
        tmp_path / "names.txt", '\ufeffdog\r\n\r\n# pets above\r\n  caf\u00e9 \U0001f415, "loud"\r\n'.encode()
    )
    assert LabelOptions(events_file=file).labels() == ["dog", 'caf\u00e9 \U0001f415, "loud"']


def test_an_empty_name_in_a_list_is_kept_for_the_check_to_refuse() -> None:
    assert LabelOptions(["dog,,cat"]).labels() == ["dog", "", "cat"]


def test_no_names_at_all_are_refused_with_both_ways_to_give_them() -> None:
    with pytest.raises(InvalidLabels, match=r"no event names: give some with --events .* or --events-file"):
        LabelOptions().labels()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"# only a remark\n\n", "no event names in .*: write one a line"),
        (b"\xff\xfed\x00o\x00g\x00", "is not UTF-8 text: save the event names as UTF-8"),
        (b"x" * 1_000_001, r"is larger than 1,000,000 bytes"),
    ],
)
def test_a_file_that_holds_no_names_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InvalidLabels, match=words):
        LabelOptions(events_file=written(tmp_path / "names.txt", content)).labels()


def test_a_missing_file_of_names_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"cannot read event names from .*gone\.txt.*: check --events-file"):
        LabelOptions(events_file=tmp_path / "gone.txt").labels()
