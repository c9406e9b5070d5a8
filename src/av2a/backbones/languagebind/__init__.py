"""LanguageBind, compatible with the published checkpoints: its towers, weights and preprocessing.

``configuration`` reads a checkpoint's ``config.json``, ``towers`` are the models, ``checkpoint`` loads their weights, ``fbank``
computes spectrograms (frames are in :mod:`av2a.backbones.pixels`), and ``backbone`` combines them.
"""

from av2a.backbones.languagebind.backbone import load

__all__ = ["load"]
