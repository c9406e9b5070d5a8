"""Trained audio-visual parsers as sources of scores: HAN, MGN, JoMoLD and CMPAE.

Inference only: their networks, their published checkpoints, the feature files that they read, and the rules by which they
decide. :func:`load_parser` gives a parser ready to answer; what it answers goes through ``av2a.methods.av2a.method.parse`` like any other
scores. PyTorch is imported when a parser is loaded.
"""

from av2a.methods.trained.registry import PARSERS as PARSERS
from av2a.methods.trained.registry import Parser as Parser
from av2a.methods.trained.registry import load_parser as load_parser
