"""A model of the ``transformers`` library from a folder laid out as on the Hugging Face hub.

The folder must hold the architecture that is asked for, and every weight of it: nothing is left at random, nothing is ignored
in silence, no code of the folder is run.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from av2a.backbones.weights import again, load_strictly, read_config, read_state
from av2a.errors import MissingDependency, WeightsUnavailable, one_line

Model = TypeVar("Model", bound=PreTrainedModel)

CONSTANTS = ("position_ids", "token_type_ids", "relative_position_index", "num_batches_tracked")
"""Buffers that a model fills when it is built; some versions of the library wrote them to the file, others did not."""


def load_model(kind: type[Model], folder: Path, device: torch.device, *model_types: str) -> Model:
    """The model in ``folder`` on ``device``, in float32 and in evaluation mode.

    Raises:
        WeightsUnavailable: no readable configuration, another architecture, or weights that do not fit it.
    """
    return filled(kind, load_config(folder, *model_types), read_state(folder), folder, device)


def load_config(folder: Path, *model_types: str) -> PreTrainedConfig:
    """The configuration in ``folder``.

    Raises:
        WeightsUnavailable: there is none, it cannot be read, or it is of none of ``model_types``.
    """
    read_config(folder, *model_types)
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as wrong:  # the library's checks raise many kinds of errors
        raise _unfit(folder, wrong) from wrong


def filled(
    kind: type[Model], config: PreTrainedConfig, state: Mapping[str, Tensor], folder: Path, device: torch.device
) -> Model:
    """A model on ``device``, of ``config`` with exactly the weights of ``state``; ``folder`` is named in errors.

    Raises:
        WeightsUnavailable: weights are missing, left over, or of another shape than the configuration says.
        MissingDependency: a part of the model needs a library that is not installed.
    """
    try:
        with _NoRandomNumbers():
            model = kind(config)
    except ImportError as missing:
        raise MissingDependency(f"{kind.__name__} cannot be built here: {one_line(str(missing), 160)}") from missing
    except KeyError as unknown:
        raise _unfit(folder, ValueError(_unknown_value(config, unknown))) from unknown
    except Exception as wrong:  # what building a model of a wrong configuration raises is anybody's guess
        raise _unfit(folder, wrong) from wrong
    constants = {name: values for name, values in model.state_dict().items() if name.endswith(CONSTANTS)}
    weights = {name: values for name, values in state.items() if not name.endswith(CONSTANTS)}
    load_strictly(model, constants | weights, folder)
    module: torch.nn.Module = model
    module.eval().requires_grad_(False).to(device)
    return model


class _NoRandomNumbers(TorchFunctionMode):
    """Fills parameters with zeros instead of random numbers, which takes longer than loading does.

    In this thread alone; the library's own way of skipping them replaces functions of torch for the whole process.
    """

    FILLS = frozenset(("normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_"))
    """Methods of tensors, and those functions of ``torch.nn.init`` that some versions of torch show to a mode."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        arguments: Sequence[Any] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch, or fill the tensor."""
        if getattr(function, "__name__", "") not in self.FILLS:
            return function(*arguments, **(named or {}))
        tensor: Tensor = arguments[0] if arguments else (named or {})["tensor"]
        tensor.data.zero_()
        # So the library knows that it need not fill the tensor once more.
        tensor._is_hf_initialized = True  # type: ignore[attr-defined]
        return tensor


def _unfit(folder: Path, wrong: Exception) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"no model can be built of {folder / 'config.json'} ({one_line(str(wrong), 160)}): {again(folder)}, or name another checkpoint"
    )


def _unknown_value(config: PreTrainedConfig, unknown: KeyError) -> str:
    """What was not found in a table of the library, with the field of the configuration that asks for it."""
    value = unknown.args[0] if unknown.args else None
    plain = config.to_dict()
    parts = [("", plain), *((f"{name}.", part) for name, part in plain.items() if isinstance(part, dict))]
    fields = [f"{place}{name}" for place, part in parts for name, held in part.items() if held == value]
    return f"{' and '.join(fields) or 'a setting'} {value!r} is none that is known"


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in ``folder``.

    Raises:
        WeightsUnavailable: its files are missing or damaged, or those of another model.
    """
    try:
        with panics_as_errors():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        # Some classes build themselves without their files, and then know no words.
        if len(tokenizer) <= len(set(tokenizer.all_special_ids)) + 1:
            raise ValueError("it knows no words")
        if not (folder / "tokenizer.json").exists():
            check_merges(tokenizer, fillers=FILLERS)
        check_words(tokenizer, _vocabulary_size(folder))
    except Exception as wrong:  # missing, truncated and foreign files raise many kinds of errors
        raise WeightsUnavailable(
            f"the tokenizer in {folder} cannot be read ({one_line(str(wrong))}): {again(folder)}"
        ) from wrong
    return tokenizer


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """On files that it did not foresee the ``tokenizers`` library panics, with what is no Exception.

    Raises:
        ValueError: it did.
    """
    try:
        yield
    except BaseException as stop:
        # Its class cannot be imported.
        if type(stop).__name__ != "PanicException":
            raise
        raise ValueError(one_line(str(stop), 160)) from stop


def _vocabulary_size(folder: Path) -> int | None:
    """How many tokens the model beside a tokenizer knows; None where its configuration does not say."""
    if not (folder / "config.json").is_file():
        return None
    config: object = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    size = getattr(getattr(config, "text_config", config), "vocab_size", None)
    return size if isinstance(size, int) else None


TRIAL = "A sound of the quick brown fox jumping over the lazy dog, 0123456789"
"""Every letter and digit, as a prompt could have them."""


def check_words(tokenizer: PreTrainedTokenizerBase, tokens: int | None = None) -> None:
    """Read a sentence, as labels will be read: a tokenizer that does not belong is found out before any video is.

    Raises:
        ValueError: it gives numbers beyond ``tokens``, or cannot fill up a row. What else it raises is its own.
    """
    ids = [*tokenizer(TRIAL)["input_ids"], tokenizer.pad_token_id]
    if ids[-1] is None:
        raise ValueError("it has no token to fill up with")
    if tokens is not None and max(ids) >= tokens:
        raise ValueError(f"it gives token {max(ids)} and the model has {tokens}")


FILLERS = 8
"""Words of RoBERTa's vocabulary that no merge makes ("madeupword0000" and others): so many may be without one."""


def check_merges(tokenizer: PreTrainedTokenizerBase, fillers: int = 0) -> None:
    """Without all of its merges a tokenizer works as well, and spells words out.

    Raises:
        ValueError: more words than ``fillers`` have no merge. Tokenizers that are not of byte pairs have none to lack.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    model = {} if backend is None else json.loads(backend.to_str())["model"]
    if "merges" not in model:
        return
    words = model["vocab"].keys() - tokenizer.all_special_tokens
    merged = sum(len(word.removesuffix("</w>")) > 1 for word in words)
    if not words or len(model["merges"]) < merged - fillers:
        raise ValueError(f"{len(words)} tokens, {len(model['merges'])} merges of {merged}")
