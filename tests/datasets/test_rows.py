from pathlib import Path

import pytest

from av2a.datasets.rows import EVENT_COLUMNS, LARGEST_FILE_BYTES, UnusedRows, Why, read_rows
from av2a.errors import DataUnavailable, InvalidAnnotations
from av2a.wording import some

HEADER = "filename\tonset\toffset\tevent_labels\n"


def written(folder: Path, content: str | bytes) -> Path:
    file = folder / "events.tsv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def read(file: Path) -> list[dict[str, str]]:
    return [dict(row.fields) for row in read_rows(file, EVENT_COLUMNS)]


def test_rows_know_their_lines_whatever_the_line_ends_and_blank_lines(tmp_path: Path) -> None:
    file = written(tmp_path, "\ufeff" + HEADER.replace("\n", "\r\n") + "\r\na\t0\t1\tdog\r\n\r\n\r\nb\t2\t3\tcat")
    assert [(row.line, row["filename"], row["event_label"]) for row in read_rows(file, EVENT_COLUMNS)] == [
        (3, "a", "dog"),
        (6, "b", "cat"),
    ]


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    file = written(tmp_path, "event_label\tconfidence\toffset\tonset\tfilename\ndog\t0.5\t2\t1\ta\n")
    assert read(file) == [{"filename": "a", "onset": "1", "offset": "2", "event_label": "dog"}]


def test_a_line_with_its_first_field_alone_has_the_others_empty(tmp_path: Path) -> None:
    assert read(written(tmp_path, HEADER + "a\n")) == [{"filename": "a", "onset": "", "offset": "", "event_label": ""}]


@pytest.mark.parametrize(
    ("written_as", "label"),
    [
        ('"speech, male"', "speech, male"),
        ('"say ""hey"""', 'say "hey"'),
        ('"dog"', "dog"),
        ('""', ""),
        ('a "dog"', 'a "dog"'),
        ('"Hey" said', '"Hey" said'),
        ('"open', '"open'),
        ("dog, big\u2028barking", "dog, big\u2028barking"),
        ('"a\tb"', "a\tb"),
    ],
)
def test_quotes_are_read_as_spreadsheets_write_them_and_others_kept(
    tmp_path: Path, written_as: str, label: str
) -> None:
    [row] = read(written(tmp_path, HEADER + f"a\t0\t1\t{written_as}\n"))
    assert row == {"filename": "a", "onset": "0", "offset": "1", "event_label": label}


def test_every_field_may_be_quoted_the_header_too(tmp_path: Path) -> None:
    quoted = '"filename"\t"onset"\t"offset"\t"event_label"\r\n"a, b.mp4"\t"0"\t"1.5"\t"dog"\r\n'
    [row] = read(written(tmp_path, quoted))
    assert row == {"filename": "a, b.mp4", "onset": "0", "offset": "1.5", "event_label": "dog"}


def test_names_are_read_in_nfc(tmp_path: Path) -> None:
    [row] = read(written(tmp_path, HEADER + "cafe\u0301.mp4\t0\t1\te\u0301t\u00e9\n"))
    assert (row["filename"], row["event_label"]) == ("caf\u00e9.mp4", "\u00e9t\u00e9")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: no column filename and no onset and no offset and no event_label in ''"),
        ("filename,onset,offset,event_label\n", "line 1: no column filename"),
        ("filename\tonset\tevent_label\n", "line 1: no column offset in"),
        (HEADER + "a\t0\t1\tdog\nb\t0\t1\n", "line 3: 3 fields and 4 columns"),
        (HEADER + "a\t0\t1\tdog\textra\n", "line 2: 5 fields and 4 columns"),
        (HEADER.encode() + b"a\t0\t1\tdog\nb\t0\t1\t\xff\xfe\n", "line 3: not UTF-8 text"),
    ],
)
def test_a_malformed_file_is_refused_in_one_line_that_names_file_and_line(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(InvalidAnnotations, match=r"events\.tsv, ") as refused:
        read(written(tmp_path, content))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("time", ["x", "", "nan", "inf", "-1", "1,5", "0x1"])
def test_a_time_that_is_none_is_refused_with_its_line(tmp_path: Path, time: str) -> None:
    [row] = read_rows(written(tmp_path, HEADER + f"a\t{time}\t1\tdog\n"), EVENT_COLUMNS)
    with pytest.raises(InvalidAnnotations, match=r"events\.tsv, line 2: onset must be a number of seconds, 0 or more"):
        row.seconds("onset")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match=r"no annotations in .*absent\.tsv"):
        list(read_rows(tmp_path / "absent.tsv", EVENT_COLUMNS))


def test_a_file_as_large_as_a_film_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "events.tsv"
    with file.open("wb") as handle:
        handle.truncate(LARGEST_FILE_BYTES + 1)
    with pytest.raises(InvalidAnnotations, match="more than 200 MB"):
        list(read_rows(file, EVENT_COLUMNS))


def test_what_is_left_out_is_counted_by_file_and_reason(tmp_path: Path) -> None:
    left_out = UnusedRows()
    for row in read_rows(written(tmp_path, HEADER + "a\t0\t1\tdog\n" * 12), EVENT_COLUMNS):
        left_out.add(row, Why.DUPLICATE)
    left_out.add(row, Why.UNKNOWN_LABEL, "doog")
    assert left_out.remarks() == (
        "events.tsv: left out 12 rows repeating an earlier row (line 2, line 3, line 4, line 5, line 6, line 7, "
        "line 8, line 9, line 10, line 11 and 2 more)",
        "events.tsv: left out 1 row with a label that is no category (doog)",
    )


def test_examples_stay_on_one_line() -> None:
    assert some(["a\nb", "c"]) == "a b, c"
