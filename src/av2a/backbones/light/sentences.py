"""The sentence encoder, loaded when a text must be read that was not read before; the tags' rows are kept on disk."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float32

from av2a import atomic
from av2a.backbones.light.minilm import LONGEST_TOKENS, WORDS, embedded, minilm, padded
from av2a.backbones.openvino_library import cpu
from av2a.errors import InvalidLabels, WeightsUnavailable, one_line
from av2a.paths import cache_folder, shown

BATCH = 64
FEATURES = 384


@dataclass(eq=False)
class SentenceEncoder:
    """Texts to unit rows."""

    weights: Path
    tokenizer: Path
    threads: int

    @cached_property
    def _model(self) -> Callable[[list[list[int]]], Float32[np.ndarray, "text 384"]]:
        from safetensors import SafetensorError, safe_open

        try:
            # Not kept open as a whole: half of the file are words, of which few are asked for.
            file: Any = safe_open(self.weights, framework="numpy")
            words = file.get_slice(WORDS)
            parameters = {name: file.get_tensor(name) for name in file.keys() if name != WORDS}  # noqa: SIM118 - no dict
            compiled = cpu(self.threads)(minilm(parameters))
        except (KeyError, SafetensorError) as wrong:
            raise WeightsUnavailable(f"{shown(self.weights)} is not all-MiniLM-L6-v2: fetch it again") from wrong
        small = {name: values for name, values in parameters.items() if name.startswith("embeddings.")}

        def rows(tokens: list[list[int]]) -> Float32[np.ndarray, "text 384"]:
            ids, mask = padded(tokens)
            return compiled([embedded(ids, lambda word: words[word : word + 1][0], small), mask])[0]

        return rows

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.tokenizer))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def rows(self, texts: Sequence[str]) -> Float32[np.ndarray, "text 384"]:
        """One unit row a text, in the order given.

        Raises:
            InvalidLabels: a text is longer than the encoder takes.
            WeightsUnavailable: its files are not what was published.
        """
        tokens = [list(each.ids) for each in self._tokenizer.encode_batch(list(texts))]
        for text, ids in zip(texts, tokens, strict=True):
            if len(ids) > LONGEST_TOKENS:
                raise InvalidLabels(
                    f"label {one_line(text, 40)!r} is {len(ids)} tokens and the sentence encoder takes {LONGEST_TOKENS}: shorten it"
                )
        # Texts of one length go together: with padding a row would depend, in its last bits, on the texts beside it.
        rows = np.empty((len(tokens), FEATURES), np.float32)
        for length in sorted({len(ids) for ids in tokens}):
            alike = [number for number, ids in enumerate(tokens) if len(ids) == length]
            for first in range(0, len(alike), BATCH):
                chosen = alike[first : first + BATCH]
                rows[chosen] = self._model([tokens[number] for number in chosen])
        return rows

    def kept_rows(self, texts: Sequence[str], digest: str) -> Float32[np.ndarray, "text 384"]:
        """The rows of texts that do not change, from the user's cache where they are kept; ``digest`` names the encoder."""
        folder = cache_folder()
        if folder is None:
            return self.rows(texts).astype(np.float16).astype(np.float32)
        name = hashlib.sha256("\n".join([digest, *texts]).encode()).hexdigest()
        file = folder / "labels" / f"tags-{name}.npz"
        with suppress(OSError, ValueError, KeyError, EOFError, BadZipFile), np.load(file, allow_pickle=False) as kept:
            rows = kept["rows"]
            if rows.shape == (len(texts), FEATURES) and np.isfinite(rows).all():
                return np.asarray(rows, np.float32)
        # Rounded alike whether they are kept or not: half of the space, and a cosine is right to 0.0005.
        rows = self.rows(texts).astype(np.float16)
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic.whole_file(file, durable=False) as partial:
                np.savez(partial, rows=rows)
        return rows.astype(np.float32)
