"""Parquet files, read and written row by row (pyarrow enters here only)."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from av2a import atomic
from av2a.errors import MissingDependency, MissingFile, one_line
from av2a.installation import install_command

ROWS_TOGETHER = 50_000


def check_pyarrow() -> None:
    """Refuse to begin what cannot be written.

    Raises:
        MissingDependency: pyarrow is not installed.
    """
    _pyarrow()


def read_rows(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    """The columns of a Parquet file, and its rows.

    Raises:
        MissingDependency: pyarrow is not installed.
        MissingFile: the file cannot be read.
    """
    pyarrow = _pyarrow()
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as wrong:
        raise MissingFile(f"cannot read {one_line(str(path), 200)!r} as Parquet ({one_line(str(wrong))})") from wrong
    return table.schema_arrow.names, (row for batch in table.iter_batches() for row in batch.to_pylist())


def shown_path(path: str) -> str:
    """A path as text that UTF-8 can hold; bytes that are not UTF-8 are written as ``\\udcff``."""
    return path.encode("utf-8", "backslashreplace").decode()


def write_rows(path: Path, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]], about: str) -> None:
    """Write rows whose columns are named kinds: ``string``, ``label`` (few distinct texts), ``texts``, or those of Arrow.

    Raises:
        MissingDependency: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    pyarrow = _pyarrow()
    from pyarrow import parquet

    text = pyarrow.string()
    kinds = {
        "string": text,
        "label": pyarrow.dictionary(pyarrow.int32(), text),
        "texts": pyarrow.list_(text),
    }
    fields = [(name, kinds.get(kind) or getattr(pyarrow, kind)()) for name, kind in columns.items()]
    schema = pyarrow.schema(fields, metadata={"av2a": about})
    rows = iter(rows)
    with atomic.whole_file(path) as partial, parquet.ParquetWriter(os.fspath(partial), schema) as writer:
        while together := list(islice(rows, ROWS_TOGETHER)):
            writer.write_table(pyarrow.table(_columns(together, columns), schema))


def _columns(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in columns}


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError as missing:
        raise MissingDependency(f"tables need 'pyarrow': {install_command('batch')}") from missing
    return pyarrow
