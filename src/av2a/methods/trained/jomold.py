"""JoMoLD: HAN's network, trained with modality-specific noise taken out of the labels (Cheng et al., ECCV 2022).

The network and the names of its parameters are HAN's, without the layers that HAN never reads. What differs is the training, and
the gate: each stream has its own (:mod:`av2a.methods.trained.rules`).
"""

from av2a.methods.trained.han import Han
from av2a.methods.trained.hybrid import UNREAD_BY_ALL

UNREAD = dict(UNREAD_BY_ALL)
"""Parameters of the published checkpoint that the forward pass never reads, with their shapes."""


class Jomold(Han):
    """As HAN; attention across streams is on, as in the published evaluation."""
