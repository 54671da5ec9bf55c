"""What an engine is: it is given requests and hands back completions as they finish."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Protocol

from emocal_rl.data.pictures import content
from emocal_rl.data.prompts import question
from emocal_rl.data.rows import Row
from emocal_rl.errors import UserError
from emocal_rl.rewards import Format
from emocal_rl.suggest import did_you_mean
from emocal_rl.yaml_load import parse_value

Key = tuple[str, int, str, str]


@dataclass(frozen=True)
class Decoding:
    """How completions are drawn: temperature 0 is greedy; top_p in (0, 1]; the seed of everything sampled."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        problems = [
            f"decoding: {name} must be {wanted}, got {value}"
            for name, value, wanted, good in (
                ("temperature", self.temperature, "0 or more", self.temperature >= 0),
                ("top_p", self.top_p, "above 0 and at most 1", 0 < self.top_p <= 1),
                ("max_new_tokens", self.max_new_tokens, "1 or more", self.max_new_tokens >= 1),
            )
            if not good
        ]
        if problems:
            raise UserError(*problems)

    def fingerprint(self, model: str) -> str:
        """Sixteen hex digits that change with the model and with every option.

        >>> Decoding().fingerprint("tiny") == Decoding(temperature=0.7).fingerprint("tiny")
        False
        """
        return digest(json.dumps([model, asdict(self)], sort_keys=True).encode())


@dataclass(frozen=True)
class Request:
    """One completion to make: a row in a format; `repeat` counts the samples of the same prompt from 0."""

    row: Row
    form: Format
    repeat: int = 0

    @property
    def text(self) -> str:
        """The user's text: the question and the format's instruction."""
        return question(self.row, self.form)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits of the whole prompt, text and picture."""
        return digest(self.text.encode(), content(self.row.source))

    def key(self, model: str, decoding: Decoding) -> Key:
        """What makes this completion this one: row, repeat, prompt, decoding (with the model)."""
        return (self.row.id, self.repeat, self.fingerprint, decoding.fingerprint(model))

    def seed(self, decoding: Decoding) -> int:
        """A seed below 2**31 of its own for every row and repeat, the same whatever else is in the batch."""
        key = repr((decoding.seed, self.row.id, self.repeat)).encode()
        return int.from_bytes(hashlib.sha256(key).digest()[:4], "big") >> 1


def digest(*parts: bytes) -> str:
    """The first sixteen hex digits of the SHA-256 of the parts."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()[:16]


@dataclass(frozen=True)
class Completion:
    """The outcome of a request: its text, or in words why there is none."""

    request: Request
    text: str | None
    error: str | None = None


class Engine(Protocol):
    """Completes requests; `model` is what it was asked to load or call."""

    model: str

    def complete(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Every request once, in any order, each as soon as it is done; a failed one carries its error.

        Raises UserError when no request can succeed (no such model, no permission).
        """

    def close(self) -> None:
        """Let go of model and memory."""


ENGINES = {
    "hf": "transformers, in this process",
    "vllm": "vLLM, in this process",
    "openai": "any OpenAI-compatible server; needs --base-url",
}


def open_engine(
    name: str,
    model: str,
    *,
    batch_size: int = 64,
    base_url: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Engine:
    """The engine of this name with a model.

    batch_size: rows at a time (hf), requests at a time (openai), rows between two records (vllm).
    options: hf: more arguments of `generate`; vllm: of `LLM`; openai: fields of the request, and `timeout`, `tries`.
    Raises UserError for an unknown engine, one that is not installed, and a model that cannot be loaded.
    """
    if name not in ENGINES:
        raise UserError(f"--engine {name}: no such engine{did_you_mean(name, ENGINES)}")
    if (name == "openai") != (base_url is not None):
        needs = "needs --base-url URL, such as http://localhost:8000/v1"
        raise UserError(
            f"--engine openai {needs}" if base_url is None else f"--base-url is for --engine openai, not {name}"
        )
    given = dict(options or {})
    if name == "openai":
        from emocal_rl.evaluate.engines.openai import OpenAIEngine

        named = {"model": "--model-name", "base_url": "--base-url", "concurrency": "--batch-size"}
        if taken := [key for key in given if key in named]:
            raise UserError(*[f"--engine-option {key}: set it with {named[key]}" for key in taken])
        return OpenAIEngine(model, str(base_url), concurrency=batch_size, **given)
    if name == "vllm":
        from emocal_rl.evaluate.engines.vllm import VllmEngine

        return VllmEngine(model, batch_size, given)
    from emocal_rl.evaluate.engines.hf import HfEngine

    return HfEngine(model, batch_size, given)


def parse_options(texts: Sequence[str], rule: str = "engine options are written key=value") -> dict[str, Any]:
    """``key=value`` texts as a mapping, values read as YAML. Raises UserError for a text that is none.

    >>> parse_options(["max_model_len=512", "dtype=float32", "eps=1e-9"])
    {'max_model_len': 512, 'dtype': 'float32', 'eps': 1e-09}
    """
    found = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise UserError(f"{text}: {rule}")
        found[key] = parse_value(value, text)
    return found
