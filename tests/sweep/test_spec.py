"""The sweep file: what it becomes, and what is said about mistakes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emocal_rl import preflight
from emocal_rl.errors import UserError
from emocal_rl.recipe_source import summary
from emocal_rl.rewards.presets import PRESETS, preset
from emocal_rl.sweep import spec
from emocal_rl.verbs_sweep import first_sentence, listing


def written(folder: Path, text: str) -> str:
    path = folder / "s.yaml"
    path.write_text(text)
    return str(path)


def test_points_are_variants_times_seeds(tmp_path: Path) -> None:
    text = "recipe: grpo_brier\nseeds: [3, 5]\nvariants:\n  a: {}\n"
    text += "  b: {trainer.max_steps: 7, reward: {correct: 1.0}, allow_unsound: true}\n"
    plan = spec.load(written(tmp_path, text), ["trainer.max_steps=9", "evaluation.limit=4"])
    assert (plan.name, plan.baseline, plan.variants) == ("s", "a", ["a", "b"])
    assert [point.name for point in plan.points] == ["a-3", "a-5", "b-3", "b-5"]
    assert [point.recipe.seed for point in plan.points] == [3, 5, 3, 5]
    # an override changes what the variants start from; a variant has the last word
    assert [point.recipe.trainer["max_steps"] for point in plan.points] == [9, 9, 7, 7]
    assert {point.recipe.evaluation.limit for point in plan.points} == {4}
    assert plan.points[2].recipe.reward == {"correct": 1.0}  # replaced, not merged


def test_seeds_can_be_chosen(tmp_path: Path) -> None:
    plan = spec.load(written(tmp_path, "recipe: grpo_brier\nvariants: {a: {}}\n"), seeds=[7])
    assert [point.name for point in plan.points] == ["a-7"]


def test_a_recipe_beside_the_sweep_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("name: own\nalgorithm: sft\nsplit: stage_one\nformat: emocaliber_answer\n")
    where = written(tmp_path, "recipe: mine.yaml\nvariants: {a: {}}\n")
    monkeypatch.chdir("/")
    assert spec.load(where).points[0].recipe.name == "own"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ["s.yaml: the file is empty; a sweep needs at least recipe and variants"]),
        ("- a\n", ["s.yaml:1: a sweep is a mapping of keys to values, not a list"]),
        ("recipe: grpo_brier\n",
         ["s.yaml: missing key variants: name: the keys of the recipe that change together, written as on the command "
          "line: trainer.max_steps: 10."]),
        ("recipe: grpo_brier\nseeds: [0, 0]\nbaselin: b\nvariants:\n  a: {seed: 1}\n",
         ["s.yaml:2: seeds: [0, 0] holds a seed twice", "s.yaml:3: unknown key baselin; did you mean 'baseline'?",
          "s.yaml:5: variants.a.seed: the seeds are those of the sweep; remove the key"]),
        ("recipe: grpo_brier\nbaseline: brie\nvariants: {brier: {}, log: {}}\n",
         ["s.yaml:2: baseline: no variant 'brie'; did you mean 'brier'?"]),
        ("recipe: grpo_brier\nvariants:\n  a: {rewardd: 1}\n  b: {trainer.max_step: 3, reward: rclr}\n",
         ["s.yaml:3: unknown key rewardd; did you mean 'reward'?", "s.yaml:4: reward: unknown preset 'rclr'; did you "
          "mean 'rlcr'?", "s.yaml:4: unknown key trainer.max_step; did you mean 'max_steps'?"]),
        ("recipe: grpo_brier\nvariants:\n  a: {trainer..x: 1}\n",
         ["s.yaml:3: variants.a: the key 'trainer..x' has an empty part"]),
        ("recipe: grpo_brier\nvariants:\n  a:\n    split: stage_tree\n",
         ["s.yaml:3: variants.a: grpo_brier: split: data 'emoji' has no split 'stage_tree'; did you mean 'stage_three'"
          "?"]),
    ],
)  # fmt: skip
def test_mistakes_have_a_line(tmp_path: Path, text: str, lines: list[str]) -> None:
    with pytest.raises(UserError) as error:
        spec.load(written(tmp_path, text))
    assert [line.replace(f"{tmp_path}/", "") for line in error.value.lines] == lines


def test_an_unsound_variant_has_to_say_so(tmp_path: Path) -> None:
    text = "recipe: grpo_brier\nvariants:\n  a: {reward: {correct: 1.0, stake: 1.0}}\n"
    with pytest.raises(UserError, match=r"s.yaml:3: variants.a: grpo_brier: The reward is improper") as error:
        spec.load(written(tmp_path, text))
    assert error.value.lines[-1].endswith("say allow_unsound=true")


def test_an_unknown_sweep_is_answered_with_a_suggestion() -> None:
    with pytest.raises(UserError, match="no sweep 'weigth'; did you mean 'weight'?"):
        spec.load("weigth")


@pytest.mark.parametrize("name", spec.packaged())
def test_packaged_sweeps_load_and_say_what_they_are(name: str) -> None:
    plan = spec.load(name)
    assert summary(spec.packaged()[name])
    assert len({point.seed for point in plan.points}) == 5
    assert plan.baseline in plan.variants
    # all start from the same place and see the same number of replies
    recipes = [point.recipe for point in plan.points if point.seed == 0]
    assert len({str(recipe.stages[:-1]) for recipe in recipes}) == 1
    assert len({(r.trainer["max_steps"], r.trainer["per_device_train_batch_size"]) for r in recipes}) == 1
    assert len({r.algorithm for r in recipes}) == 1 or name == "algorithms"


def test_published_rewards_of_the_ablation_are_as_published() -> None:
    plan = spec.load("reward_ablation", seeds=[0])
    assert len(plan.variants) >= 8
    named = [point.recipe for point in plan.points if isinstance(point.recipe.reward, str)]
    assert {recipe.reward for recipe in named} == {"rlcr", "emocaliber", "dcpo", "rewarding_doubt"} <= set(PRESETS)
    for recipe in named:
        stage, published = recipe.stages[-1], preset(str(recipe.reward))
        reward = preflight.reward_of(stage)
        assert reward.weights == published.reward().weights
        assert reward.floor == published.reward().floor
        assert (recipe.credit, recipe.trainer["scale_rewards"]) == (published.credit, published.scale_rewards)


def test_unsound_variants_of_the_ablation_are_those_that_need_leave() -> None:
    """`allow_unsound` stands where `check` finds fault, and nowhere else."""
    for point in spec.load("reward_ablation", seeds=[0]).points:
        stage = point.recipe.stages[-1]
        assert stage.allow_unsound == (not preflight.verdict_of(stage).sound), point.variant


def test_lists_show_whole_sentences(tmp_path: Path, cli: Callable[..., Any]) -> None:
    told = "ppo_brier: as grpo_brier, by PPO (0.5 of\n# it): what is paid.  And more.\n#   emocal-rl train\n# Other."
    path = tmp_path / "ppo_brier.yaml"
    for header in (told, told.replace("  And more.", "")):
        path.write_text(f"# {header}\nname: x\n")
        assert first_sentence(path) == "as grpo_brier, by PPO (0.5 of it): what is paid."
    path.write_text("# ppo_brier: no end\n#   emocal-rl train.\n")
    assert first_sentence(path) == "no end"
    assert all(line.endswith((".", "?")) for verb in ("sweep", "recipes") for line in cli(verb).out.splitlines())


def test_lists_are_wrapped_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = spec.packaged()
    assert len(listing(shipped)) == len(shipped)  # a line each where it is piped
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "70")
    lines = listing(shipped)
    assert len(lines) > len(shipped)
    assert max(map(len, lines)) <= 70
    wide = max(map(len, shipped)) + 2
    assert all(line.startswith(" " * wide) or line.split()[0] in shipped for line in lines)
