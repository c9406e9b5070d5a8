"""JoMoLD: HAN's network, trained after modality-specific noise was removed from the labels (Cheng et al., ECCV 2022).

The network and the names of its parameters are HAN's, without the layers that HAN never uses. The training differs, and
the gate: each stream has its own (:mod:`av2a.methods.trained.rules`).
"""

from av2a.methods.trained.han import Han
from av2a.methods.trained.hybrid import UNREAD_BY_ALL

UNREAD = dict(UNREAD_BY_ALL)
"""Parameters of the published checkpoint that the forward pass never uses, with their shapes."""


class Jomold(Han):
    """HAN's network, with attention across streams, as in the published evaluation."""
