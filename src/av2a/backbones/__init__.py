"""Backbones: pairs of encoders that put pictures, sounds and names into common spaces.

``registry`` knows them by name, ``checkpoints`` what they are made of, ``weights`` where that is; each family of models has a
module. PyTorch and transformers are imported when a model is loaded, not before. ``mini`` is built in: it needs NumPy only, ships
with its weights and knows only the generated world of :mod:`av2a.world`. ``mini_lessons`` and ``mini_training`` are how
it was trained; nothing else imports them.
"""
