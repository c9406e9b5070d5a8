"""Embeds labels with a text encoder: in its prompt, tokenised, never truncated without an error."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from av2a.backbones.device import BatchSize
from av2a.backbones.running import Runner
from av2a.errors import InvalidLabels, one_line

Tokens = Int64[Tensor, "label token"]

Text = Callable[[Tokens, Tokens], Tensor]
"""From token ids and their mask (1 for a token, 0 for padding) to one embedding for each text."""

PROMPTS_VERSION = 1
"""Changes with the prompts of backbones and their tokenisation: cached label embeddings are of one version."""

BATCH = 64
"""Texts at a time: they have few tokens compared with an image."""


@dataclass(frozen=True)
class Prompts:
    """A tokenizer, a prompt, and the number of tokens that the text encoder takes."""

    tokenizer: PreTrainedTokenizerBase
    prompt: Callable[[str], str]
    longest: int
    always_full: bool = False
    """Padded to ``longest`` tokens as in training, for a text encoder that does not ignore padding."""

    def rows(
        self, labels: Sequence[str], runner: Runner, text: Text, features: int
    ) -> Float32[np.ndarray, "label feature"]:
        """One embedding for each label, in the order given. Texts of similar length form a batch, so that little is padded.

        Raises:
            InvalidLabels: a label is longer than the text encoder takes.
        """
        tokens = self.tokens(labels)
        order = sorted(range(len(tokens)), key=lambda label: len(tokens[label]))
        device = runner.placement.device
        rows = Runner(runner.placement, BatchSize(BATCH), runner.name).rows(
            [tokens[label] for label in order],
            lambda some: tuple(tensor.to(device) for tensor in self.padded(some)),
            lambda inputs: text(*inputs),
            features,
        )
        return rows[np.argsort(order)] if order else rows

    def tokens(self, labels: Sequence[str]) -> list[list[int]]:
        """The token ids of each label in its prompt.

        Raises:
            InvalidLabels: a label is longer than the text encoder takes.
        """
        if not len(labels):
            return []
        found = self.tokenizer([self.prompt(label) for label in labels], add_special_tokens=True, verbose=False)
        tokens = [list(ids) for ids in found["input_ids"]]
        for label, ids in zip(labels, tokens, strict=True):
            if len(ids) > self.longest:
                raise InvalidLabels(
                    f"label {one_line(label, 40)!r} is {len(ids)} tokens in its prompt and the text encoder takes {self.longest}: shorten it"
                )
        return tokens

    def padded(self, tokens: Sequence[list[int]]) -> tuple[Tokens, Tokens]:
        """Token ids as one array, and its mask."""
        width = self.longest if self.always_full else max(map(len, tokens))
        ids = torch.full((len(tokens), width), int(self.tokenizer.pad_token_id))
        mask = torch.zeros_like(ids)
        for row, some in enumerate(tokens):
            ids[row, : len(some)] = torch.tensor(some)
            mask[row, : len(some)] = 1
        return ids, mask
