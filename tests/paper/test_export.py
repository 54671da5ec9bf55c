"""`emocal-rl export verl`: rows, reward and configuration say what the recipe says."""

import importlib.util
import json

import pandas as pd
import pytest
from PIL import Image

from emocal_rl import recipe as recipes
from emocal_rl.adapters.targets import target_of
from emocal_rl.data import load
from emocal_rl.export import _notes, reward_file, settings
from emocal_rl.preflight import reward_of
from emocal_rl.rewards import Reply
from emocal_rl.rewards.graders import judge

SMALL = ["data.limit=3", "evaluation.splits=[validation]"]


def exported(cli, folder, *more):
    done = cli("export", "verl", "--recipe", "grpo_brier", "--gpus", "1", "--out", str(folder), *SMALL, *more)
    assert (done.code, done.err) == (0, "")
    return done.out


def test_rows_and_reward_are_the_recipe_s(cli, tmp_path):
    out = exported(cli, tmp_path / "verl", "target=votes")
    assert f"{tmp_path / 'verl' / 'train'}.parquet: 3 rows" in out
    assert "note: credit exact is left out: verl gives one advantage to a whole reply" in out
    assert "note: verl starts at stage grpo_brier; train sft_reasoning, sft_confidence first" in out
    table = pd.read_parquet(tmp_path / "verl" / "train.parquet")
    recipe = recipes.load("grpo_brier", [*SMALL, "target=votes"])
    rows = load(recipe.data).split("stage_three")
    assert [entry["id"] for entry in table["extra_info"]] == [row.id for row in rows]
    assert table["prompt"][0][0]["content"].startswith(f"<image>{rows[0].question}")
    assert table["images"][0][0]["bytes"].startswith(b"\x89PNG")
    spec = importlib.util.spec_from_file_location("reward", tmp_path / "verl" / "reward.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reward = reward_of(recipe)
    parts = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x")
    for text in (reward.format.write(parts, "positive", 0.8), reward.format.write(parts, "negative", 0.3), "nothing"):
        for number, row in enumerate(rows):
            extra, truth = dict(table["extra_info"][number]), table["reward_model"][number]["ground_truth"]
            paid = module.compute_score("emocal/emoji", text, truth, extra)["score"]
            assert paid == pytest.approx(reward([text], [row.target()])[0].total)


def test_pictures_that_are_files_stay_files_unless_embedded(cli, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "p.png")
    row = {"id": "1", "split": "stage_three", "image": "p.png", "question": "?", "candidates": ["a", "b"], "label": "a"}
    (tmp_path / "d.jsonl").write_text(
        json.dumps(row) + "\n" + json.dumps(row | {"id": "2", "split": "validation"}) + "\n"
    )
    source = f"data.name={tmp_path / 'd.jsonl'}"
    exported(cli, tmp_path / "paths", source)
    exported(cli, tmp_path / "bytes", source, "--embed")
    (as_path,) = pd.read_parquet(tmp_path / "paths" / "train.parquet")["images"][0]
    (embedded,) = pd.read_parquet(tmp_path / "bytes" / "train.parquet")["images"][0]
    assert as_path == {"image": (tmp_path / "p.png").resolve().as_uri()}
    assert embedded["bytes"].startswith(b"\x89PNG")


def test_what_only_later_rows_have_is_not_lost(cli, tmp_path, monkeypatch):
    """Whole counts first, then shares, a judge with labels of its own, aliases and a picture."""
    monkeypatch.setattr("emocal_rl.export.CHUNK", 2)
    Image.new("RGB", (4, 4)).save(tmp_path / "p.png")
    row = {"split": "stage_three", "question": "?", "candidates": ["a", "b"], "votes": [1, 3]}
    rows = [
        {**row, "id": "1"},
        {**row, "id": "2"},
        {**row, "id": "3", "votes": [0.25, 0.75], "image": "p.png"},
        {"split": "stage_three", "id": "4", "question": "?", "label": "a word"},
        {**row, "id": "5", "candidates": ["c", "d"], "judge": {"c": 0.5, "d": 1}},
        {**row, "id": "6", "split": "validation"},
    ]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = (f"data.name={tmp_path / 'd.jsonl'}", "data.limit=null", "grader=label", "target=votes")
    exported(cli, tmp_path / "verl", *source)
    table = pd.read_parquet(tmp_path / "verl" / "train.parquet").set_index("extra_info")
    extras = {extra["id"]: extra for extra in table.index}
    assert sorted(extras) == ["1", "2", "3", "4", "5"]
    assert [list(extras[key]["votes"]) for key in "123"] == [[1, 3], [1, 3], [0.25, 0.75]]
    assert (extras["4"]["votes"], extras["4"]["candidates"], extras["1"]["judge"]) == (None, None, None)
    assert target_of(extras["5"], "d") == {
        "candidates": ["c", "d"], "votes": [1, 3], "label": "d", "index": extras["5"]["index"], "id": "5",
        "judge": '{"c": 0.5, "d": 1.0}',
    }  # fmt: skip
    assert judge(Reply("", answer="d"), target_of(extras["5"], "d")) == 1.0
    pictures = dict(zip([extra["id"] for extra in table.index], table["images"], strict=True))
    assert [len(pictures[key]) for key in "1234"] == [0, 0, 1, 0]
    assert pictures["3"][0] == {"image": (tmp_path / "p.png").resolve().as_uri()}


def test_the_configuration_of_emocaliber_is_the_released_one(tmp_path):
    """Batch 64, mini-batch 32, micro 4 per GPU, 8 rollouts, lr 1e-6, KL 0.01 in the loss, no deviation; 224 steps."""
    found = dict(settings(recipes.load("emocaliber/stage_three"), tmp_path, gpus=8))
    assert {key.rpartition(".")[2]: value for key, value in found.items()} | {
        "train_batch_size": 64, "ppo_mini_batch_size": 32, "ppo_micro_batch_size_per_gpu": 4, "n": 8, "lr": 1e-6,
        "use_kl_loss": True, "kl_loss_coef": 0.01, "kl_loss_type": "low_var_kl", "use_kl_in_reward": False,
        "norm_adv_by_std_in_grpo": False, "entropy_coeff": 0, "max_prompt_length": 4096, "max_response_length": 2048,
        "total_training_steps": 224, "loss_agg_mode": "token-mean", "n_gpus_per_node": 8,
    } == {key.rpartition(".")[2]: value for key, value in found.items()}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verk", "--recipe", "grpo_brier"], "export: unknown framework 'verk'; did you mean 'verl'?"),
        (["verl"], "export: say which recipe: emocal-rl export verl --recipe grpo_brier"),
        (["verl", "--recipe", "sft_reasoning"], "export: stage sft_reasoning is sft; it is supervised; export takes"),
        (["verl", "--recipe", "ppo_brier"], "export: stage ppo_brier is ppo; the settings of verl's critic are not"),
        (["verl", "--recipe", "grpo_brier", "trainer.num_generations=3"],
         "export: 512 replies a batch on 8 GPUs cannot be split into groups of 3"),
        (["verl", "--recipe", "grpo_brier", "reward.brier={weight: 1.0, target: leave_one_out}"],
         "export: verl scores one reply at a time, and a term has a group target"),
    ],
)  # fmt: skip
def test_mistakes(cli, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    done = cli("export", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {said}")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(cli, tmp_path):
    (tmp_path / "notes").write_text("mine")
    done = cli("export", "verl", "--recipe", "grpo_brier", "--out", str(tmp_path), *SMALL)
    assert done.err == f"error: {tmp_path} exists and is not empty; choose another --out\n"


@pytest.mark.parametrize(("options", "said"), [
    (["target=votes"], []),
    (["target=annotator"], ["note: target annotator became votes: the same mean, without the noise of drawing"]),
    (["target=leave_one_annotator_out"],
     ["note: target leave_one_annotator_out became votes: the same mean, without the noise of drawing"]),
    (["target=votes", "trainer.scale_rewards=batch"],
     ["note: trainer.scale_rewards=batch became algorithm.norm_adv_by_std_in_grpo=False, which divides by nothing: "
      "verl knows the deviation of a group, not that of a batch"]),
    (["target=votes", "trainer.scale_rewards=group"], []),
])  # fmt: skip
def test_what_becomes_something_else_is_said(options, said, tmp_path):
    made = recipes.load("grpo_brier", options)
    assert [note for note in _notes(made) if "became" in note] == said
    assert dict(settings(made, tmp_path, gpus=1))["algorithm.norm_adv_by_std_in_grpo"] is ("group" in options[-1])
    assert "grader='votes'" in reward_file(made)


def test_a_judge_s_answers_are_graded_by_the_judge(cli, tmp_path):
    made = recipes.load("grpo_brier", ["target=judge", "judge_errors={false_positive: 0.1}"])
    assert "grader={'use': 'judge', 'false_positive': 0.1, 'false_negative': 0.0}" in reward_file(made)
