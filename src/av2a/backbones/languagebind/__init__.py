"""LanguageBind, compatible with the published checkpoints: towers, weights, pictures and sounds as they were trained to see them.

``configuration`` reads what a checkpoint says of itself, ``towers`` are the models, ``checkpoint`` gives them their weights,
``fbank`` makes sounds into spectrograms (pictures are in :mod:`av2a.backbones.pixels`), ``backbone`` puts it together.
"""

from av2a.backbones.languagebind.backbone import load

__all__ = ["load"]
