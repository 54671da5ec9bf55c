"""What torch is taught about checkpoints of several CPU processes."""

import io

import torch

from emocal_rl.models.patches import checkpoints_of_cpu_processes


def test_what_a_cpu_process_of_several_saved_is_loaded():
    """Every stage of a run asks for it; torch cannot order the same handler twice."""
    for _ in range(2):
        checkpoints_of_cpu_processes()
    saved = io.BytesIO()
    torch.save({"step": torch.arange(3)}, saved)
    saved.seek(0)
    assert torch.load(saved, map_location="cpu:0")["step"].tolist() == [0, 1, 2]
    assert torch.serialization.default_restore_location(torch.arange(3).untyped_storage(), "cpu:0").device.type == "cpu"
