"""The time line in a notebook: whatever the labels are, and without scripts."""

from dataclasses import replace
from html.parser import HTMLParser

from av2a.types import CAUTION
from tests.detections import HEARD, SEEN, agreeing, crowded, detection, empty, event, hostile, long_recording, park


class _Page(HTMLParser):
    """Tags, attributes and text of a piece of HTML."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_each_event_is_a_bar_at_its_time() -> None:
    page = _Page(detection([event("a", HEARD, 2.5, 5.0), event("b", SEEN, 0.0, 1.0)], ["a", "b"])._repr_html_())
    bars = [given for tag, given in page.tags if "title" in given and tag == "div"]
    assert [bar["title"] for bar in bars] == ["0:02.5–0:05, confidence 0.970", "0:00–0:01, confidence 0.970"]
    assert "left: 25%; width: 25%" in (bars[0]["style"] or "")
    assert "heard" in page.text and "seen" in page.text and "both" not in page.text


def test_no_label_brings_markup_of_its_own_and_nothing_runs() -> None:
    page = _Page(hostile()._repr_html_())
    assert {tag for tag, _ in page.tags} <= {"div", "b", "bdi"}
    assert {name for _, given in page.tags for name in given} <= {"style", "title", "class"}


def test_many_labels_are_counted_and_a_worthless_answer_says_so() -> None:
    assert "70 more labels are not drawn" in crowded(100, 60.0)._repr_html_()
    assert "none of the labels was found" in empty()._repr_html_()
    assert "siren" in empty()._repr_html_()
    assert CAUTION in replace(park(), warnings=(CAUTION,))._repr_html_()


def test_parts_from_other_modalities_are_pale_and_explained() -> None:
    html = agreeing()._repr_html_()
    assert html.count("from the fused score") == 2 and html.count("from heard and seen") == 1
    assert "Pale: " in html and "Pale: " not in park()._repr_html_()


def test_bars_that_would_merge_are_shaded() -> None:
    page = long_recording(7200.0, events=4211)._repr_html_()
    assert page.count("opacity: ") < 4211 / 2
    assert "opacity: 0.44" in page
    assert "opacity: 0." not in park()._repr_html_()
