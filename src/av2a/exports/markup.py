"""XML as several formats write it, and a reader that refuses document types and knows the line of each element."""

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape

from av2a.exports.rows import invalid

_PART_BYTES, _LONGEST_TAG_BYTES = 1_000_000, 10_000_000
"""Expat before 2.6 reads a tag again from its start with each part: its time would grow by the square of the tag's length."""

_NOT_IN_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# As they are, attributes would turn all three into spaces, and texts a carriage return into a line feed.
_ESCAPED = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def written_label(label: str) -> str:
    """A label as XML can have it: each control character is U+FFFD.

    >>> written_label("a\\x08b")
    'a�b'
    """
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", label)


def xml_text(text: str) -> str:
    """Text for an element or an attribute in double quotes.

    >>> xml_text('<cry> & "x"')
    '&lt;cry&gt; &amp; &quot;x&quot;'
    """
    return escape(written_label(text), _ESCAPED)


def parsed(text: str, root: str) -> tuple[Element, Mapping[Element, int]]:
    """The document's root element, and the line on which each element begins.

    Raises:
        InvalidAnnotations: it is no XML with this root, or declares a document type, which may have entities of any size.
    """
    lines: dict[Element, int] = {}
    builder, reader = TreeBuilder(), expat.ParserCreate()

    def begin(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = reader.CurrentLineNumber

    def refuse(*declared: object) -> None:
        # Editors declare the plain type; it is what follows in brackets, or lies elsewhere, that may be of any size.
        raise invalid(reader.CurrentLineNumber, "entities are refused: delete their declaration")

    reader.buffer_text = True
    reader.StartElementHandler, reader.EndElementHandler = begin, builder.end
    reader.CharacterDataHandler = builder.data
    reader.EntityDeclHandler = refuse
    content = text.encode("utf-8", "surrogatepass")
    try:
        for place in range(0, len(content), _PART_BYTES):
            reader.Parse(content[place : place + _PART_BYTES])
            if place - reader.CurrentByteIndex > _LONGEST_TAG_BYTES:
                megabytes = _LONGEST_TAG_BYTES // 10**6
                raise invalid(reader.CurrentLineNumber, f"no XML document: a tag of more than {megabytes} MB")
        reader.Parse(b"", True)
        element = builder.close()
    except expat.ExpatError as wrong:
        raise invalid(wrong.lineno, f"no whole XML document ({expat.ErrorString(wrong.code)})") from wrong
    if element.tag != root:
        raise invalid(lines[element], f"expected an XML document {root}, got {element.tag[:40]!r}")
    return element, lines
