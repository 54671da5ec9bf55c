"""What a newcomer reads after a mistake, word for word."""

from pathlib import Path

import pytest

from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError

GOOD = """\
name: demo
algorithm: grpo
split: stage_three
format: emocaliber
reward: {correct: 1.0, brier: 1.0}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines_of(text: str, *overrides: str) -> list[str]:
    Path("r.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        recipes.load("r.yaml", overrides)
    return error.value.lines


@pytest.mark.parametrize(("key", "meant"), [
    ("first.trainer.max_steps", "warm_start.first.trainer.max_steps"),
    ("first.augment", "warm_start.first.augment"),
    ("demo.trainer.max_steps", "trainer.max_steps"),
])  # fmt: skip
def test_a_key_of_a_stage_is_named_where_it_belongs(key: str, meant: str) -> None:
    warm = "warm_start: [{name: first, algorithm: sft, split: stage_one, format: emocaliber_answer}]\n"
    name = key.partition(".")[0]
    said = f"override {key}=5: unknown key {name}; did you mean '{meant}'?"
    assert lines_of(GOOD + warm, f"{key}=5") == [said]


def test_the_good_one_is_good() -> None:
    Path("r.yaml").write_text(GOOD)
    assert recipes.load("r.yaml").name == "demo"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("sede: 3", "r.yaml:6: unknown key sede; did you mean 'seed'?"),
        ("data: {clases: 2}", "r.yaml:6: unknown key data.clases; did you mean 'classes'?"),
        ("evaluation:\n  limit: 3\n  batchsize: 3",
         "r.yaml:8: unknown key evaluation.batchsize; did you mean 'batch_size'?"),
        ("batch_size: 3", "r.yaml:6: unknown key batch_size; did you mean 'evaluation.batch_size'?"),
        ("learning_rate: 1e-6", "r.yaml:6: unknown key learning_rate; did you mean 'trainer.learning_rate'?"),
        ("model: {xyzzy: 1}", "r.yaml:6: unknown key model.xyzzy; the keys here are name, checkpoint, "
         "threads, lora, bits, dtype, attention, min_pixels, max_pixels"),
        ("trainer:\n  max_steps: 3\n  num_generation: 4",
         "r.yaml:8: unknown key trainer.num_generation; did you mean 'num_generations'?"),
        ("trainer: {output_dir: here}",
         "r.yaml:6: trainer.output_dir: set by emocal-rl: the run directory holds the checkpoints; "
         "choose it with --run-dir"),
        ("trainer: {seed: 3}",
         "r.yaml:6: trainer.seed: set by emocal-rl: set the recipe's own 'seed', which every stage shares"),
        ("trainer: {learning_rate: fast}", "r.yaml:6: trainer.learning_rate: expected a number (got 'fast')"),
        ("trainer: {log_completions: 1}", "r.yaml:6: trainer.log_completions: expected true or false (got 1)"),
        ("trainer: {max_steps: 1e3}", "r.yaml:6: trainer.max_steps: expected a whole number (got 1000.0)"),
        ("trainer: {max_steps: 0}", "r.yaml:6: trainer.max_steps: expected at least 1 (got 0)"),
        ("trainer: {max_steps: -1}", "r.yaml:6: trainer.max_steps: expected at least 1 (got -1)"),
        ("trainer: {max_steps: false}", "r.yaml:6: trainer.max_steps: expected a whole number (got False)"),
        ("trainer: {num_train_epochs: 3}",
         "r.yaml:6: trainer.num_train_epochs: set by emocal-rl: a stage is as long as max_steps says"),
        ("digit_entropy: 0.1",
         "r.yaml:6: digit_entropy: only credit: exact has it; set digit_entropy to 0, or credit to exact"),
        ("seed: three", "r.yaml:6: seed: expected a whole number (got 'three')"),
        ("seed: true", "r.yaml:6: seed: expected a whole number (got true)"),
        ("seed: 1.5", "r.yaml:6: seed: expected a whole number (got 1.5)"),
        ("seed: -1", "r.yaml:6: seed: expected at least 0 (got -1)"),
        ("seed:", "r.yaml:6: seed: expected a whole number (got nothing)"),
        ("data: emoji", "r.yaml:6: data: expected a mapping of keys to values (got 'emoji')"),
        ("data: {classes: 1}", "r.yaml:6: data.classes: expected at least 2 (got 1)"),
        ("augment: much", "r.yaml:6: augment: expected a number (got 'much')"),
        ("model: {threads: all}", "r.yaml:6: model.threads: expected a whole number or 'auto' (got 'all')"),
        ("evaluation: {splits: validation}", "r.yaml:6: evaluation.splits: expected a list (got 'validation')"),
        ("evaluation: {splits: [validation, 3]}", "r.yaml:6: evaluation.splits.1: expected a text (got 3)"),
        ("allow_unsound: yes", "r.yaml:6: allow_unsound: expected true or false (got 'yes')"),
        ("target: anotator",
         "r.yaml:6: target: expected 'annotator', 'votes', 'majority', 'leave_one_annotator_out' or 'judge' (got "
         "'anotator'); did you mean 'annotator'?"),
        ("labels: {samples: 4}", "r.yaml:6: labels: only sft imitates confidence labels; remove the key"),
        ("warm_start: [r.yaml]", "r.yaml:6: warm_start goes in a circle: r.yaml -> r.yaml"),
        ("warm_start: [sft_reasonin]",
         "r.yaml:6: warm_start: no recipe 'sft_reasonin'; did you mean 'sft_reasoning'? "
         "(list them: emocal-rl recipes)"),
        ("warm_start: [3]", "r.yaml:6: warm_start.0: expected a mapping of keys to values (got 3)"),
        ("warm_start:\n- {name: w, algorithm: sft, split: a, format: emocaliber, seed: 3}",
         "r.yaml:7: unknown key warm_start.0.seed; 'seed' belongs at the top of the recipe"),
        ("warm_start:\n- {name: demo, algorithm: sft, split: a, format: emocaliber}",
         "r.yaml:7: warm_start.0.name: two stages are called 'demo'; rename one"),
    ],
)  # fmt: skip
def test_one_mistake_one_line(extra: str, message: str) -> None:
    assert lines_of(GOOD + extra) == [message]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("algorithm: grpo", "algorithm: gpro",
         "r.yaml:2: algorithm: expected 'sft', 'grpo', 'rloo' or 'ppo' (got 'gpro'); did you mean 'grpo'?"),
        ("algorithm: grpo\n", "", "r.yaml: missing key algorithm: sft (supervised fine-tuning), or by "
         "reinforcement learning on the reward: grpo, rloo or ppo."),
        ("brier: 1.0", "brierr: 1.0",
         "r.yaml:5: reward.brierr: unknown rule 'brierr'; did you mean 'brier'?"),
        ("brier: 1.0", "brier: {wieght: 1.0}", "r.yaml:5: reward.brier: rule 'brier' has no parameter 'wieght'"),
        ("brier: 1.0", "brier: much",
         "r.yaml:5: reward.brier: expected a number or a mapping of keys to values (got 'much')"),
        ("emocaliber", "emocalibre", "r.yaml:4: format: unknown format 'emocalibre'; did you mean 'emocaliber'?"),
        ("reward: {correct: 1.0, brier: 1.0}", "",
         "r.yaml: reward: grpo needs a reward, for example reward: {correct: 1.0, brier: 1.0}"),
        ("algorithm: grpo", "algorithm: sft",
         "r.yaml:5: reward: sft imitates and has no reward; remove the key, or set algorithm: grpo"),
        ("name: demo", "name: ../demo", "r.yaml:1: name: use letters, digits, '_', '-' and '.' only (got '../demo')"),
    ],
)  # fmt: skip
def test_one_wrong_word_one_line(old: str, new: str, message: str) -> None:
    (line,) = lines_of(GOOD.replace(old, new))
    assert line.startswith(message)  # the rewards add hints of their own to some


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seeed=3", "override seeed=3: unknown key seeed; did you mean 'seed'?"),
        ("seed", "override seed: write key=value, for example trainer.max_steps=10"),
        ("=3", "override =3: write key=value, for example trainer.max_steps=10"),
        ("trainer..x=3", "override trainer..x=3: the key has an empty part"),
        ("trainr.max_steps=3", "override trainr.max_steps=3: unknown key trainr; did you mean 'trainer'?"),
        ("trainer.maxsteps=3", "override trainer.maxsteps=3: unknown key trainer.maxsteps; did you mean 'max_steps'?"),
        ("seed=x", "override seed=x: seed: expected a whole number (got 'x')"),
        ("seed=[1", "override seed=[1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("name.x=3", "override name.x=3: name is 'demo', which has no key 'x'"),
        ("reward.brier.weight=3", "override reward.brier.weight=3: reward.brier is 1.0, which has no key 'weight'"),
        ("warm_start.0.seed=3", "override warm_start.0.seed=3: warm_start has 0 items and none is '0'"),
    ],
)
def test_override_mistakes(override: str, message: str) -> None:
    text = GOOD + ("warm_start: []\n" if override.startswith("warm") else "")
    assert lines_of(text, override) == [message]


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    text = (
        "nam: demo\nalgorithm: grpo\nsplit: 3\nformat: emocalibr\nreward: {brierr: 1, correct: x}\ntrainer: {seed: 1}\n"
    )
    lines = lines_of(text, "seeed=3", "data.classes=x")
    assert [line.split(": ")[0] for line in lines] == [
        "r.yaml", "r.yaml:1", "r.yaml:3", "r.yaml:4", "r.yaml:5", "r.yaml:6", "override data.classes=x",
        "override seeed=3",
    ]  # fmt: skip


def test_mistakes_in_a_warm_start_name_its_own_file() -> None:
    Path("first.yaml").write_text("name: first\nalgorithm: sft\nsplit: stage_one\nformat: emocaliber\nsplt: x\n")
    assert lines_of(GOOD + "warm_start: [first.yaml]") == [
        "first.yaml:5: unknown key warm_start.0.splt; did you mean 'split'?"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "r.yaml: the file is empty; a recipe needs at least name, algorithm, split and format"),
        ("# only a comment\n", "r.yaml: the file is empty; a recipe needs at least name, algorithm, split and format"),
        ("- a\n- b\n", "r.yaml:1: a recipe is a mapping of keys to values, not a list"),
        ("hello", "r.yaml:1: a recipe is a mapping of keys to values, not a text (hello)"),
        ("name: a\nname: b", "r.yaml:2: duplicate key 'name' (first on line 1)"),
    ],
)
def test_files_that_are_no_recipe(text: str, message: str) -> None:
    assert lines_of(text) == [message]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("grpo_breir", "no recipe 'grpo_breir'; did you mean 'grpo_brier'? (list them: emocal-rl recipes)"),
        ("grpo_breir.yaml", "no recipe 'grpo_breir.yaml'; did you mean 'grpo_brier'? (list them: emocal-rl recipes)"),
        ("my/grpo_breir.yaml",
         "no recipe 'my/grpo_breir.yaml'; did you mean 'grpo_brier'? (list them: emocal-rl recipes)"),
        ("./sub", "./sub is a folder, not a recipe; name a .yaml file: sub/a.yaml"),
    ],
)  # fmt: skip
def test_misspelt_recipes(name: str, message: str) -> None:
    Path("sub").mkdir()
    Path("sub/a.yaml").touch()
    with pytest.raises(UserError) as error:
        recipes.load(name)
    assert str(error.value) == message


def test_circle_through_another_recipe() -> None:
    Path("a.yaml").write_text("name: a\nalgorithm: sft\nsplit: s\nformat: emocaliber\nwarm_start: [r.yaml]\n")
    assert lines_of(GOOD + "warm_start: [a.yaml]") == [
        "a.yaml:5: warm_start goes in a circle: r.yaml -> a.yaml -> r.yaml"
    ]


SERVER = "rollout.engine=vllm-server", "rollout.servers=[http://localhost:8000]"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["rollout.engine=vllm-server"],
         "rollout.servers: vllm-server needs an address, for example servers: [http://localhost:8000]"),
        (["rollout.servers=[http://localhost:8000]"],
         "rollout.servers: only engine: vllm-server has servers (got engine: auto)"),
        (["rollout.engine=vllm-server", "rollout.servers=[localhost]"],
         "rollout.servers: expected addresses such as http://localhost:8000 (got 'localhost')"),
        ([*SERVER, "rollout.options.max_model_len=9"],
         "rollout.options: only engine: vllm-colocate has them (got engine: vllm-server)"),
        (["rollout.engine=hf", "rollout.ahead=1"],
         "rollout.ahead: only engine: vllm-server samples while the trainer learns (got engine: hf)"),
        ([*SERVER, "rollout.ahead=2"], "rollout.ahead: expected at most 1 (got 2)"),
        ([*SERVER, "rollout.ahead=1", "trainer.vllm_importance_sampling_correction=false"],
         "rollout.ahead: replies of older weights need the importance correction; remove "
         "trainer.vllm_importance_sampling_correction, or set ahead: 0"),
    ],
)  # fmt: skip
def test_what_a_rollout_engine_does_not_have(overrides: list[str], message: str) -> None:
    (line,) = lines_of(GOOD, *overrides)
    assert line.endswith(message)


def test_an_engine_that_learns_from_what_was_sampled_ahead() -> None:
    Path("r.yaml").write_text(GOOD)
    for algorithm in ("grpo", "rloo", "ppo"):
        recipe = recipes.load("r.yaml", [*SERVER, "rollout.ahead=1", f"algorithm={algorithm}"])
        assert recipe.rollout is not None
        assert recipe.rollout.ahead == 1


def test_two_stages_without_a_name_are_not_called_none() -> None:
    stage = {"algorithm": "sft", "split": "stage_one", "format": "emocaliber_answer"}
    with pytest.raises(UserError) as problem:
        recipes.from_tree(stage | {"name": "x", "warm_start": [stage, stage]})
    assert [line.partition(":")[0] for line in problem.value.lines] == ["missing key warm_start.0.name",
                                                                        "missing key warm_start.1.name"]  # fmt: skip
