"""The old name of :mod:`av2a.backbones.encoder_warnings`."""

from av2a.backbones.encoder_warnings import remarks_to as remarks_to
