"""Backbones: pairs of encoders that put pictures, sounds and names into common spaces.

``registry`` knows them by name. ``mini`` is built in: it needs NumPy only, ships with its weights and knows only the
generated world of :mod:`av2a.datasets.synthetic`. ``mini_lessons`` and ``mini_training`` are
how it was trained; nothing else imports them.
"""
