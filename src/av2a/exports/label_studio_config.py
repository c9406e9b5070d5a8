"""The labelling interface for Label Studio (``.labelstudio.xml``): every label of the answers, heard, seen and both.

Every label of a prediction must be in it. The frame rate is each task's own; Label Studio would take 24.
"""

from av2a.exports.label_studio import AUDIO, CONTROL, VIDEO, label_and_stream
from av2a.exports.markup import xml_text
from av2a.types import Detection, Modality

_COLOURS = {Modality.AUDIO: "#e69f00", Modality.VISUAL: "#0072b2", Modality.AUDIO_VISUAL: "#009e73"}


def dumps(*detections: Detection) -> str:
    """The interface as XML."""
    labels = dict.fromkeys(label for detection in detections for label in detection.labels)
    parts = ["<View>"]
    for what, control, element in ((VIDEO, "TimelineLabels", "Video"), (AUDIO, "Labels", "Audio")):
        if any((each.clip.video is not None) == (what == VIDEO) for each in detections):
            rate = ' frameRate="$fps"' if what == VIDEO else ""
            parts += [f'  <{control} name="{CONTROL if len(parts) == 1 else CONTROL + "2"}" toName="{what}">']
            parts += [_label(label, modality) for label in labels for modality in Modality]
            parts += [f"  </{control}>", f'  <{element} name="{what}" value="${what}"{rate}/>']
    return "\n".join([*parts, *_notes(detections), "</View>"]) + "\n"


def _label(label: str, modality: Modality) -> str:
    value = xml_text(label_and_stream(label, modality))
    return f'    <Label value="{value}" background="{_COLOURS[modality]}"/>'


def _notes(detections: tuple[Detection, ...]) -> list[str]:
    cautions = {each.caution for each in detections if each.caution}
    return [f'  <Header value="{xml_text(caution)}"/>' for caution in sorted(cautions)]
