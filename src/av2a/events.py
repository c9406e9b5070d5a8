"""Candidate intervals and their validation under their public name; the code is in :mod:`av2a.methods.av2a.candidates`."""

from av2a.methods.av2a.candidates import candidates as candidates
from av2a.methods.av2a.candidates import late_fused as late_fused
from av2a.methods.av2a.candidates import passing as passing
