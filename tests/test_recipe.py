from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emocal_rl import recipe as recipes
from emocal_rl import recipe_blocks, yaml_load
from emocal_rl.errors import UserError
from emocal_rl.recipe_source import packaged, summary

STAGE_ONE = "name: first\nalgorithm: sft\nsplit: stage_one\nformat: emocaliber_answer\n"
STAGE_TWO = "name: second\nalgorithm: sft\nsplit: stage_two\nformat: emocaliber\nlabels: {samples: 4}\nseed: 9\n"
STAGE_THREE = (
    "name: third\nalgorithm: grpo\nsplit: stage_three\nformat: emocaliber\nreward: {correct: 1, brier: 1.0}\n"
    "trainer: {max_steps: 80, learning_rate: 3e-4}\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "first.yaml").write_text(STAGE_ONE)
    (tmp_path / "second.yaml").write_text(STAGE_TWO)
    (tmp_path / "third.yaml").write_text(STAGE_THREE + "warm_start: [first.yaml, second]\n")
    (tmp_path / "second").write_text(STAGE_TWO)  # a name without .yaml is a path as well, when it exists
    return tmp_path


def test_warm_starts_become_stages_in_order(folder: Path) -> None:
    recipe = recipes.load(str(folder / "third.yaml"))
    assert [stage.name for stage in recipe.stages] == ["first", "second", "third"]
    assert [stage.algorithm for stage in recipe.stages] == ["sft", "sft", "grpo"]
    assert recipe.stages[1].labels == recipe_blocks.Labels(samples=4)


def test_shared_keys_come_from_the_recipe_itself(folder: Path) -> None:
    recipe = recipes.load(str(folder / "third.yaml"))
    assert recipe.seed == 0  # not the 9 of second.yaml
    assert not hasattr(recipe.stages[1], "seed")


def test_checkpoint_skips_the_warm_starts(folder: Path) -> None:
    recipe = recipes.load(str(folder / "third.yaml"), ["model.checkpoint=models/second"])
    assert [stage.name for stage in recipe.stages] == ["third"]


def test_warm_starts_of_warm_starts_run_first_and_once(folder: Path) -> None:
    (folder / "second.yaml").write_text(STAGE_TWO + "warm_start: [first.yaml]\n")
    (folder / "third.yaml").write_text(STAGE_THREE + "warm_start: [first.yaml, second.yaml]\n")
    assert [s.name for s in recipes.load(str(folder / "third.yaml")).stages] == ["first", "second", "third"]
    (folder / "third.yaml").write_text(STAGE_THREE + "warm_start: [second.yaml]\n")
    assert [s.name for s in recipes.load(str(folder / "third.yaml")).stages] == ["first", "second", "third"]


def test_inline_warm_start(folder: Path) -> None:
    (folder / "third.yaml").write_text(
        STAGE_THREE + "warm_start:\n- {name: mine, algorithm: sft, split: stage_one, format: emocaliber_answer}\n"
    )
    assert [stage.name for stage in recipes.load(str(folder / "third.yaml")).stages] == ["mine", "third"]


def test_a_path_that_exists_wins_over_a_packaged_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert recipes.load("grpo_brier").name == "grpo_brier"
    assert recipes.load("grpo_brier.yaml").name == "grpo_brier"
    (tmp_path / "grpo_brier.yaml").write_text(STAGE_ONE)
    assert recipes.load("grpo_brier.yaml").name == "first"


OVERRIDES: list[tuple[str, Any, Any]] = [
    ("seed=3", lambda r: r.seed, 3),
    ("trainer.max_steps=10", lambda r: r.trainer, {"max_steps": 10, "learning_rate": 3e-4}),
    ("trainer.learning_rate=1e-6", lambda r: r.trainer["learning_rate"], 1e-6),
    ("trainer={max_steps: 5}", lambda r: r.trainer, {"max_steps": 5}),  # a mapping replaces
    ("reward.brier=0.5", lambda r: r.reward, {"correct": 1, "brier": 0.5}),
    ("reward={brier: 2}", lambda r: r.reward, {"brier": 2}),
    ("reward.log={eps: 0.05, weight: 0.1}", lambda r: r.reward["log"], {"eps": 0.05, "weight": 0.1}),
    ("data.limit=null", lambda r: r.data.limit, None),
    ("data.limit=", lambda r: r.data.limit, None),
    ("evaluation.splits=[validation]", lambda r: r.evaluation.splits, ["validation"]),
    ("evaluation.splits.0=unseen_style", lambda r: r.evaluation.splits[0], "unseen_style"),
    ("model.threads=auto", lambda r: r.model.threads, "auto"),
    ("warm_start.0.trainer.max_steps=7", lambda r: r.stages[0].trainer, {"max_steps": 7}),
    ("warm_start.second.labels.samples=2", lambda r: r.stages[1].labels.samples, 2),
    ("warm_start=[]", lambda r: len(r.stages), 1),
    ("warm_start=[first.yaml]", lambda r: [stage.name for stage in r.stages], ["first", "third"]),
    ("name=no", lambda r: r.name, "no"),
    ("trainer.run_name=a=b", lambda r: r.trainer["run_name"], "a=b"),
]


@pytest.mark.parametrize(("override", "read", "expected"), OVERRIDES, ids=[each[0] for each in OVERRIDES])
def test_overrides(folder: Path, override: str, read: Any, expected: Any) -> None:
    (folder / "third.yaml").write_text(STAGE_THREE + "evaluation: {}\nwarm_start: [first.yaml, second.yaml]\n")
    if override.startswith("evaluation.splits.0"):
        (folder / "third.yaml").write_text(STAGE_THREE + "evaluation: {splits: [validation]}\n")
    assert read(recipes.load(str(folder / "third.yaml"), [override])) == expected


def test_overrides_apply_in_order(folder: Path) -> None:
    overrides = ["trainer={max_steps: 5}", "trainer.max_steps=6", "warm_start.0.name=a", "warm_start=[]"]
    recipe = recipes.load(str(folder / "third.yaml"), overrides)
    assert recipe.trainer == {"max_steps": 6}
    assert len(recipe.stages) == 1


def test_recipes_are_frozen(folder: Path) -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        recipes.load(str(folder / "first.yaml")).seed = 3  # type: ignore[misc]


def test_dump_loads_to_the_same_recipe(folder: Path) -> None:
    recipe = recipes.load(str(folder / "third.yaml"), ["name=no", "trainer.run_name='1e-6'", "model.checkpoint=x"])
    (folder / "dumped.yaml").write_text(recipes.dump(recipe))
    assert recipes.load(str(folder / "dumped.yaml")) == recipe


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.sampled_from(["no", "1e-6"]))


@settings(deadline=None)
@given(st.integers(min_value=0), st.dictionaries(st.sampled_from(["lr_scheduler_kwargs", "generation_kwargs"]),
       st.dictionaries(st.sampled_from("abc"), VALUES)))  # fmt: skip
def test_dump_round_trips(seed: int, trainer: dict[str, Any]) -> None:
    tree = yaml_load.parse(STAGE_THREE, "x")[0] | {"seed": seed, "trainer": trainer}
    recipe = recipes.from_tree(tree)
    assert recipes.from_tree(yaml_load.parse(recipes.dump(recipe), "x")[0]) == recipe


def test_every_field_is_described() -> None:
    for part in (recipes.Recipe, *recipe_blocks.Part.__subclasses__()):
        assert part.model_fields
        for name, field in part.model_fields.items():
            assert field.description, f"{part.__name__}.{name}"


def test_json_schema_is_for_the_file() -> None:
    schema = recipes.json_schema()
    assert schema["required"] == ["name", "algorithm", "split", "format"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["algorithm"]["enum"] == ["sft", "grpo", "rloo", "ppo"]
    assert {"type": "string"} in schema["properties"]["warm_start"]["items"]["anyOf"]
    assert schema["properties"]["seed"]["description"] == "Seed of everything random."


@pytest.mark.parametrize("name", ["sft_reasoning", "sft_confidence", "grpo_brier", "grpo_log", "grpo_confidence"])
def test_the_main_recipes_are_packaged(name: str) -> None:
    assert name in packaged()


@pytest.mark.parametrize("name", packaged())
def test_packaged_recipes(name: str, tmp_path: Path) -> None:
    path = packaged()[name]
    recipe = recipes.load(name)
    assert recipe.name == name.replace("/", "_")  # a run's folders are called like it
    assert summary(path)
    assert not summary(path).startswith(name)
    assert f"emocal-rl train --recipe {name}" in path.read_text()
    (tmp_path / "dumped.yaml").write_text(recipes.dump(recipe))
    assert recipes.load(str(tmp_path / "dumped.yaml")) == recipe


def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "picture.yaml").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError) as error:
        recipes.load(str(tmp_path / "picture.yaml"))
    assert str(error.value) == f"{tmp_path}/picture.yaml: not a text file (expected YAML in UTF-8)"
