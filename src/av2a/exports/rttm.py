"""RTTM (NIST rich transcription time marks): one line an event, of any number of clips.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", appendix A. Fields are separated by white
space, so white space in labels and file names becomes ``_``; in labels, ``_`` is read as a space. Channel 1 is heard, 2 seen, 3 both.
A clip without events has a line SPKR-INFO: readers take no comments.
"""

import re
from collections.abc import Iterator

from av2a.errors import one_line
from av2a.exports.rows import EventRow, clip_alone, invalid, lines, seconds
from av2a.types import Detection, Modality

_CHANNELS = {modality: str(number) for number, modality in enumerate(Modality, start=1)}
_MODALITIES = {channel: modality for modality, channel in _CHANNELS.items()}
_FEWEST_FIELDS = 8
_INFO = "SPKR-INFO"
_OTHER_TYPES = frozenset(
    f"{_INFO} SEGMENT NOSCORE NO_RT_METADATA LEXEME NON-LEX NON-SPEECH FILLER EDIT IP SU CB A/P".split()
)
"""What lines may begin with beside SPEAKER, and ``;;``, a comment."""


def dumps(*detections: Detection) -> str:
    """The lines of all answers."""
    return "".join(line for detection in detections for line in _lines(detection))


def _lines(detection: Detection) -> Iterator[str]:
    name = written_label(detection.clip.path.stem)
    if detection.caution or not detection.events:
        yield f"{_INFO} {name} 1 <NA> <NA> <NA> unknown {written_label(detection.caution or '<NA>')} <NA> <NA>\n"
    for event in detection.rounded_events:
        duration = event.stop_seconds - event.start_seconds
        times = f"{event.start_seconds:.3f} {duration:.3f}"
        what = f"<NA> <NA> {written_label(event.label)} {event.confidence:.4f} <NA>"
        yield f"SPEAKER {name} {_CHANNELS[event.modality]} {times} {what}\n"


def written_label(label: str) -> str:
    """A label as one field."""
    return re.sub(r"[\s\0\x1c-\x1f]", "_", label) or "_"


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of all lines that begin with SPEAKER; a file with other lines alone is a clip without events.

    Raises:
        InvalidAnnotations: such a line lacks fields, or a line has no type of RTTM's.
    """
    clips: dict[str, bool] = {}
    for number, line in lines(text):
        if line.startswith(";;"):
            continue
        fields = line.split()
        if fields[0] in _OTHER_TYPES:
            clips.setdefault("".join(fields[1:2]), False)
            continue
        if fields[0] != "SPEAKER":
            raise invalid(
                number, f"an RTTM line begins with its type, such as SPEAKER, got {one_line(fields[0], 40)!r}"
            )
        if len(fields) < _FEWEST_FIELDS:
            raise invalid(number, f"a SPEAKER line needs {_FEWEST_FIELDS} fields or more, got {len(fields)}")
        clips[fields[1]] = True
        start = seconds(fields[3], number)
        # Start and duration have three decimals or more; their sum may miss the stop by rounding alone.
        stop = round(start + seconds(fields[4], number), 6)
        confidence = None if len(fields) < 9 or fields[8] == "<NA>" else seconds(fields[8], number)
        label = fields[7].replace("_", " ")
        yield EventRow(fields[1], label, _MODALITIES.get(fields[2]), start, stop, confidence, number)
    yield from (clip_alone(clip) for clip, has_events in clips.items() if clip and not has_events)
