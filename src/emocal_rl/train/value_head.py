"""What PPO adds to a language model: a head that reads the expected reward off the model's last hidden states."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

FILE = "value_head.safetensors"


class ValueHead(torch.nn.Module):
    """Hidden states (..., H) -> values (...), in the reward's own units; one hidden layer, in float32.

    It learns from detached states: the policy's features are not bent to its needs, which also keeps it cheap beside
    LoRA.  It starts as a constant, 0 until `start_at` says what is usual.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # the rollouts' randomness must not depend on there being a head
            torch.manual_seed(seed)
            self.inner, self.outer = torch.nn.Linear(size, size), torch.nn.Linear(size, 1)
        torch.nn.init.zeros_(self.outer.weight)
        torch.nn.init.zeros_(self.outer.bias)

    def forward(self, states: Any) -> Any:
        """Values of (detached) states."""
        return self.outer(torch.tanh(self.inner(states.detach().float()))).squeeze(-1)

    def start_at(self, value: float) -> None:
        """Predict `value` everywhere: else every reply of the first steps would seem better or worse than expected."""
        torch.nn.init.constant_(self.outer.bias, value)

    def save(self, folder: str | Path) -> None:
        """Write the head into a checkpoint's folder."""
        save_file(self.state_dict(), Path(folder) / FILE)

    def load(self, folder: str | Path) -> None:
        """Read the head from a checkpoint's folder."""
        self.load_state_dict(load_file(Path(folder) / FILE))


def backbone(model: Any) -> Any:
    """The part of a causal language model that gives hidden states, also inside a LoRA wrapper."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return inner.base_model


def hidden_size(model: Any) -> int:
    """Width of the hidden states, of the language part where there are several."""
    return int(model.config.get_text_config().hidden_size)


@contextmanager
def last_states(model: Any, detach: bool = True) -> Iterator[list[Any]]:
    """The backbone's last hidden states (B, T, H), one entry for each forward pass inside the block.

    detach: without their graph, for a reader that the backbone must not learn from.
    """
    seen: list[Any] = []

    def keep(_module: Any, _inputs: Any, output: Any) -> None:
        states = output.last_hidden_state
        seen.append(states.detach() if detach else states)

    hook = backbone(model).register_forward_hook(keep)
    try:
        yield seen
    finally:
        hook.remove()
