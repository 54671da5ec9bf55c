import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from emocal_rl import checkpoints


def safetensors(values: int = 4) -> bytes:
    """The bytes of a safetensors file with one float32 tensor."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * values)


def make(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(safetensors())
    (path / "optimizer.pt").write_bytes(b"x")
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return path


def test_the_newest_by_number_not_by_name(tmp_path: Path) -> None:
    for step in (5, 100, 20):
        make(tmp_path, step)
    (tmp_path / "checkpoint-best").mkdir()
    assert checkpoints.newest_complete(tmp_path) == tmp_path / "checkpoint-100"


def test_none_where_there_is_none(tmp_path: Path) -> None:
    assert checkpoints.newest_complete(tmp_path / "nothing") is None


TEARS: dict[str, Callable[[Path], object]] = {
    "no state": lambda path: (path / "trainer_state.json").unlink(),
    "torn state": lambda path: (path / "trainer_state.json").write_text('{"global_st'),
    "state of another step": lambda path: (path / "trainer_state.json").write_text('{"global_step": 10}'),
    "no weights": lambda path: (path / "model.safetensors").unlink(),
    "short weights": lambda path: (path / "model.safetensors").write_bytes(safetensors()[:-3]),
    "torn header": lambda path: (path / "model.safetensors").write_bytes(safetensors()[:20]),
    "empty weights": lambda path: (path / "model.safetensors").write_bytes(b""),
    "no optimizer": lambda path: (path / "optimizer.pt").unlink(),
}


@pytest.mark.parametrize("tear", TEARS.values(), ids=TEARS)
def test_a_torn_checkpoint_is_passed_over(tear: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path, 10)
    newest = make(tmp_path, 20)
    assert checkpoints.newest_complete(tmp_path) == newest
    tear(newest)
    assert checkpoints.newest_complete(tmp_path) == tmp_path / "checkpoint-10"


def test_the_optimizer_of_processes_that_divide_it(tmp_path: Path) -> None:
    """accelerate's FSDP writes optimizer.bin; DeepSpeed a folder of its own, and last of all which one, in `latest`."""
    fsdp, deepspeed = make(tmp_path / "a", 4), make(tmp_path / "b", 4)
    for checkpoint in (fsdp, deepspeed):
        (checkpoint / "optimizer.pt").unlink()
        assert not checkpoints.is_complete(checkpoint)
    (fsdp / "optimizer.bin").write_bytes(b"x")
    assert checkpoints.is_complete(fsdp)
    states = deepspeed / "global_step4" / "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt"
    states.parent.mkdir()
    states.write_bytes(b"x")
    assert not checkpoints.is_complete(deepspeed)
    (deepspeed / "latest").write_text("global_step4")
    assert checkpoints.is_complete(deepspeed)
    states.unlink()
    assert not checkpoints.is_complete(deepspeed)


def test_adapters_and_sharded_models_count(tmp_path: Path) -> None:
    adapter, sharded = make(tmp_path / "a", 1), make(tmp_path / "b", 1)
    (adapter / "model.safetensors").rename(adapter / "adapter_model.safetensors")
    assert checkpoints.is_complete(adapter)
    (sharded / "model.safetensors").rename(sharded / "one.safetensors")
    (sharded / "model.safetensors.index.json").write_text(
        '{"weight_map": {"w": "one.safetensors", "v": "two.safetensors"}}'
    )
    assert not checkpoints.is_complete(sharded)
    (sharded / "two.safetensors").write_bytes(safetensors())
    assert checkpoints.is_complete(sharded)
