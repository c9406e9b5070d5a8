"""The look of heard, seen and both: one colour and one pattern each, the same on pages, in pictures and in the terminal."""

from dataclasses import dataclass

from av2a.types import Modality


@dataclass(frozen=True)
class StreamLook:
    """Colours are Okabe and Ito's, darkened or lightened until they can be read; the pattern says the same without colour."""

    colour: str
    tint: str
    dark_colour: str
    dark_tint: str
    hatch: str
    """Matplotlib's name of the pattern; empty for solid."""
    ink: str
    """The pattern in a terminal, one column wide."""
    ascii_ink: str
    terminal_style: str


LOOKS = {
    Modality.AUDIO: StreamLook("#c44e00", "#fbe3d3", "#f08a45", "#4a2c17", "/////", "╱", "/", "yellow"),
    Modality.VISUAL: StreamLook("#0067a5", "#d3e6f5", "#63b5ee", "#153650", "...", "░", "o", "cyan"),
    Modality.AUDIO_VISUAL: StreamLook("#00795a", "#cfeee3", "#2fbf93", "#0f4334", "", "█", "#", "bold green"),
}
"""Heard: stripes, orange. Seen: dots, blue. Both: solid, green."""
