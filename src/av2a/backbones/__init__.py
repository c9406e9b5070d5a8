"""Backbones: pairs of encoders that embed frames, audio and labels in common spaces.

``registry`` loads them by name, ``checkpoints`` lists the models that they consist of, ``weights`` finds those on this machine and
``hub`` downloads them. Each family of models has a module. PyTorch and transformers are imported when a model is loaded, not before.
``mini`` is built in: it needs NumPy only, ships with its weights and knows only the generated world of :mod:`av2a.world`.
"""
