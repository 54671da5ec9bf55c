"""Weights handed to rollout servers as files: nothing of the user's in `rollout.sync_dir` is touched."""

from types import SimpleNamespace

import pytest
import torch

from emocal_rl.train.vllm_server import ServerEngine


def engine(folder, take) -> ServerEngine:
    """One with what it reads to hand over weights, and nothing else."""
    bare = object.__new__(ServerEngine)
    bare.accelerator, bare.folder = SimpleNamespace(is_main_process=True), folder
    bare.rollout = SimpleNamespace(sync_dir=str(folder))
    bare._iter_named_params = lambda: iter([("weight", torch.ones(2))])
    client = SimpleNamespace(base_url="http://localhost:1", timeout=1.0, reload=take)
    bare.vllm_client = SimpleNamespace(clients=[client])
    return bare


@pytest.mark.parametrize("name", ["1", "weights-1"])
def test_a_folder_that_is_there_already_stays(tmp_path, name):
    """The first weights were written into a folder called 1, which was emptied before and after."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.txt").write_text("mine", "utf-8")
    taken = []
    engine(tmp_path, lambda new: taken.append([new, *(path.name for path in new.iterdir())]))._sync_files()
    ((new, *files),) = taken
    assert (new.parent, files) == (tmp_path, ["model.safetensors"])
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == [f"{name}/thesis.txt"]
