"""Which of a trainer's checkpoints are whole. A kill can come in the middle of writing one."""

import json
import re
import struct
from pathlib import Path
from typing import Any

# One of these holds the weights: a whole model, or a LoRA adapter; an index names the parts of a large one.
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors")
_INDEX = "model.safetensors.index.json"
# The optimizer's state: of a process of its own or of several alike, and of several that divide it under FSDP.
_OPTIMIZER = ("optimizer.pt", "optimizer.bin")


def newest_complete(folder: Path) -> Path | None:
    """The complete `checkpoint-N` in `folder` with the largest N, or None."""
    found = [path for path in folder.glob("checkpoint-*") if _step(path) is not None]
    return next((path for path in sorted(found, key=lambda path: -(_step(path) or 0)) if is_complete(path)), None)


def is_complete(checkpoint: Path) -> bool:
    """Whether training can continue from a checkpoint.

    The trainer writes weights, then optimizer and schedule, then trainer_state.json. So the last one has to be there,
    parse, and name the folder's step, the weights have to be as long as their own header says, and the optimizer's
    state has to be there: in one file, or in DeepSpeed's folder.
    """
    state = _read_json(checkpoint / "trainer_state.json")
    if state is None or state.get("global_step") != _step(checkpoint):
        return False
    return _has_weights(checkpoint) and _has_optimizer(checkpoint)


def step_of(checkpoint: Path | None) -> int:
    """The step a checkpoint was written at; 0 for none.

    >>> step_of(Path("checkpoints/grpo_brier/checkpoint-40")), step_of(None)
    (40, 0)
    """
    return 0 if checkpoint is None else _step(checkpoint) or 0


def _step(path: Path) -> int | None:
    match = re.fullmatch(r"checkpoint-(\d+)", path.name)
    return int(match[1]) if match else None


def _has_weights(checkpoint: Path) -> bool:
    index = _read_json(checkpoint / _INDEX)
    if index is not None:
        parts = set(index.get("weight_map", {}).values())
        return bool(parts) and all(_whole_safetensors(checkpoint / part) for part in parts)
    return any(_whole_safetensors(checkpoint / name) for name in _WEIGHTS)


def _has_optimizer(checkpoint: Path) -> bool:
    return any((checkpoint / name).is_file() for name in _OPTIMIZER) or _has_deepspeed(checkpoint)


def _has_deepspeed(checkpoint: Path) -> bool:
    """Whether DeepSpeed has written its part: `latest`, which it writes last, names the folder of the states."""
    try:
        tag = (checkpoint / "latest").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return False
    return bool(tag) and any((checkpoint / tag).glob("*_optim_states.pt"))


def _whole_safetensors(path: Path) -> bool:
    found = safetensors_header(path)
    if found is None:
        return False
    length, entries = found
    end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    return bool(path.stat().st_size == 8 + length + end)


def safetensors_header(path: Path) -> tuple[int, dict[str, Any]] | None:
    """(bytes of the header, name of each tensor -> its entry); None for what is no safetensors file.

    Such a file is 8 bytes of header length, a JSON header with shapes and byte offsets, and the bytes.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else path.stat().st_size
        if length >= path.stat().st_size:
            return None
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return None
    if not isinstance(header, dict):
        return None
    return length, {name: entry for name, entry in header.items() if name != "__metadata__"}


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
