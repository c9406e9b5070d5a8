"""``light``: small taggers of real sights and sounds, related to a user's labels by a small sentence encoder. No torch.

YAMNet hears 521 sounds of AudioSet, EfficientNet-Lite0 sees the 1000 classes of ImageNet and NanoDet-m the 80 of COCO; OpenVINO
runs them. What a backbone must give (``base``) is given in the space of their tags: a segment's row holds the calibrated log-odds
of each tag, a label's row points at the tag that it means. Their inner product is the log-odds of that tag, so the method, the
store and the background vocabulary work as they do for any dual encoder. A label that no tag means is *not known*.
"""
