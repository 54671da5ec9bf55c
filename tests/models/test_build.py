"""The script that makes the base checkpoint."""

import pytest

from emocal_rl.models import load, tiny_build


@pytest.mark.slow
def test_build_writes_a_checkpoint_that_has_learnt_something(tmp_path, capsys):
    tiny_build.build(tmp_path, steps=(12, 12, 6), seed=0)
    printed = capsys.readouterr().out.splitlines()
    losses = {
        name: [float(line.split("loss ")[1].split()[0]) for line in printed if line.startswith(name)]
        for name in ("see", "describe", "follow")
    }
    assert losses["describe"][-1] < losses["describe"][0] - 0.1
    model, processor = load.load(str(tmp_path))
    assert len(processor.tokenizer) == model.config.text_config.vocab_size


def test_the_schedule_warms_up_and_ends_at_zero():
    """Step 49 of 1000 at peak 1: half of the warm-up, 0.5 * (1 + cos(0.049 pi)) / 2 + ... = 0.5 * 0.99409."""
    assert tiny_build.schedule(49, 1000, 1.0) == pytest.approx(0.5 * 0.99409, abs=1e-5)
    assert tiny_build.schedule(1000, 1000, 1.0) == pytest.approx(0.0, abs=1e-12)
