"""The paper-scale recipes: their arithmetic, their verdicts, two real steps of each on a shrunk model of its family.

What cannot be shown here: the released weights and data (no hub), several GPUs, 4-bit weights, and Qwen-VL's own
processor with torchvision (`test_families` uses the Pillow one that transformers ships).
"""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from emocal_rl import preflight
from emocal_rl import recipe as recipes
from emocal_rl.recipe_source import packaged

RECIPES = [name for name in packaged() if recipes.load(name).data.name != "emoji"]
UNSOUND = ["emocaliber/stage_three"]
GPUS = 8
MIKELS = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")


@pytest.fixture(scope="module")
def vec_cot(tmp_path_factory) -> Path:
    """A small tree in the layout of wudq/VECBench, with VEC-CoT."""
    root = tmp_path_factory.mktemp("VECBench")
    (root / "images").mkdir()
    for number in range(12):
        Image.new("RGB", (40 + number, 50), (20 * number, 80, 200 - 10 * number)).save(root / f"images/{number}.jpg")
    (root / "VEC-CoT").mkdir()
    for stage, name in enumerate(("stage1_86k", "stage2_43k_w_conf", "stage3_14k")):
        lines = [json.dumps(chat(number, stated=stage == 1)) for number in range(4 * stage, 4 * stage + 4)]
        (root / "VEC-CoT" / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    with (root / "test_metadata.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["task", "split", "image_path", "label"])
        table.writerows(["EmoSet-8", "test", f"images/{number}.jpg", MIKELS[number]] for number in range(4))
    return root


def chat(number: int, stated: bool) -> dict:
    """One line of VEC-CoT as ms-swift reads it."""
    label = MIKELS[number % 8]
    think = "".join(
        f"<{tag}>{tag} of the picture</{tag}>" for tag in ("element", "human", "context", "interaction", "analysis")
    )
    confidence = f"<confidence>0.{number + 11}</confidence>" if stated else ""
    reply = f"<think>{think}</think><answer>{label}</answer>{confidence}"
    asked = (
        f"<image>Which emotion might this image evoke? Pick the most likely from {list(MIKELS)}. Think step by step."
    )
    return {
        "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": reply}],
        "images": [f"images/{number}.jpg"],
    }


@pytest.fixture(scope="module")
def questions(tmp_path_factory) -> Path:
    """Questions in text with open answers, as RLCR's."""
    path = tmp_path_factory.mktemp("questions") / "questions.jsonl"
    rows = [
        {"id": f"q{number}", "split": split, "question": f"What is {number} plus {number}?", "label": str(2 * number)}
        for number, split in enumerate(["train"] * 4 + ["validation"] * 2 + ["test"] * 2)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory) -> Path:
    """Ratings in the layout of VADER's file, of words that fall into every split."""
    folder = tmp_path_factory.mktemp("lexicon")
    words = [f"{letter}{vowel}{number:03}" for number, letter in enumerate("bcdfghjklmnp") for vowel in "aeiou"]
    lines = [
        f"{word}\t0\t0\t{[(at + k) % 3 * 2 - 3 for k in range(10)]}" for at, word in enumerate([*words, ":)", ":("])
    ]
    (folder / "vader_lexicon.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def data(vec_cot, questions, lexicon):
    """The overrides that give a recipe its data."""
    roots = {"vec_cot": f"data.root={vec_cot}", "vader": f"data.root={lexicon}"}
    return lambda name: [roots.get(recipes.load(name).data.name, f"data.name={questions}")]


def test_how_many_there_are():
    assert sorted(RECIPES) == [
        "emocaliber/lora", "emocaliber/smolvlm", "emocaliber/stage_one", "emocaliber/stage_three",
        "emocaliber/stage_two", "emocaliber_sound", "rlcr", "rlcr_lora", "text/vader_smollm2",
        "text/vader_smollm2_distribution",
    ]  # fmt: skip


def replies(stage) -> tuple[int, int]:
    """(rows or replies of an update, replies sampled at a time) on eight GPUs, or on one with LoRA."""
    each = stage.trainer["per_device_train_batch_size"] * GPUS
    return each * stage.trainer["gradient_accumulation_steps"], each * stage.trainer.get("steps_per_generation", 0)


def test_steps_and_batches_of_the_faithful_stages():
    """86,067, 43,033 and 14,346 rows; 128 rows a step; 64 prompts x 8 replies a batch, two updates of 32 x 8."""
    for name in ("stage_one", "stage_two", "stage_three"):
        assert recipes.load(f"emocaliber/{name}").launch.processes == GPUS
    one, two, three = recipes.load("emocaliber/stage_three").stages
    assert (replies(one)[0], one.trainer["max_steps"]) == (128, 86067 // 128)
    assert (replies(two)[0], two.trainer["max_steps"]) == (128, 43033 // 128)
    update, batch = replies(three)
    size = three.trainer["num_generations"]
    assert (update // size, batch // size, size) == (32, 64, 8)
    assert three.trainer["max_steps"] == (14346 // 64) * (batch // update) == 448
    rates = [stage.trainer["learning_rate"] for stage in (one, two, three)]
    assert (rates, three.trainer["beta"], three.trainer["scale_rewards"]) == ([1e-5, 4e-6, 1e-6], 0.01, "none")
    model = recipes.load("emocaliber/stage_three").model
    assert (model.min_pixels, model.max_pixels) == (256 * 28**2, 576 * 28**2)


def test_the_faithful_reward_is_the_released_one():
    """The table of 1 + y + 2 log score: c = 0.85 pays 1.675 when right, -2.79 when wrong; -5 for a broken format."""
    reward = preflight.reward_of(recipes.load("emocaliber/stage_three"))
    parts = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x")
    target = {"candidates": list(MIKELS), "votes": [1, 0, 0, 0, 0, 0, 0, 0], "label": "amusement"}
    texts = [reward.format.write(parts, name, 0.85) for name in ("amusement", "fear")] + ["no tags"]
    assert [round(one.total, 2) for one in reward(texts, [target] * 3)] == [1.67, -2.79, -5.0]


@pytest.mark.parametrize("name", RECIPES)
def test_check(cli, data, name):
    done = cli("check", "--recipe", name, *data(name))
    assert (done.code, done.err) == (0, "")
    sound = "reward: sound" in done.out
    trains_by_reward = recipes.load(name).algorithm != "sft"
    assert sound == (trains_by_reward and name not in UNSOUND)
    assert ("hack" in done.out or "on purpose" in done.out) == (name in UNSOUND)


def test_check_without_the_data_says_what_it_knows(cli):
    done = cli("check", "--recipe", "emocaliber_sound")
    assert done.code == 2
    assert "reward: sound" in done.out
    assert "vec_cot" in done.err


def small(name: str, family, lora: str) -> list[str]:
    """Overrides that leave prompt, reward, format and algorithm, and shrink the rest."""
    recipe = recipes.load(name)
    options = [f"model.name={family(recipe.model.name)}", f"model.lora={lora}", "evaluation.limit=2",
               "evaluation.bootstrap=0", "evaluation.max_new_tokens=8", "evaluation.batch_size=2",
               "launch.processes=1"]  # fmt: skip
    if recipe.model.max_pixels:
        options += ["model.min_pixels=784", "model.max_pixels=3136"]
    for at, stage in enumerate(recipe.stages):
        place = "" if at == len(recipe.stages) - 1 else f"warm_start.{at}."
        batch = stage.trainer.get("num_generations", 2)
        options += [f"{place}trainer.{key}={value}" for key, value in (
            ("max_steps", 2), ("per_device_train_batch_size", batch), ("gradient_accumulation_steps", 1),
            ("learning_rate", 0.001))]  # fmt: skip
        if stage.algorithm != "sft":
            options += [f"{place}trainer.max_completion_length=8", f"{place}trainer.steps_per_generation=1"]
    return options


@pytest.mark.slow
def test_the_faithful_stages_end_to_end_on_the_embedded_model(cli, tmp_path):
    """EmoCaliber's format, prompt and reward on real votes, few steps; the run says what the check says."""
    run = tmp_path / "run"
    steps = {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 1, "learning_rate": 1e-3}
    options = [f"warm_start.{at}.trainer.max_steps={count}" for at, count in enumerate((60, 90))]
    options += [f"warm_start.{at}.trainer.{key}={value}" for at in range(2) for key, value in steps.items()]
    options += ["launch.processes=1", "data={name: emoji, limit: 60}", "model={name: tiny}",
                "warm_start.1.labels.strategy=votes", "evaluation={splits: [validation], limit: 8, bootstrap: 0}",
                "trainer.max_steps=2", "trainer.per_device_train_batch_size=8", "trainer.gradient_accumulation_steps=1",
                "trainer.steps_per_generation=1", "trainer.max_completion_length=64"]  # fmt: skip
    checked = cli("check", "--recipe", "emocaliber/stage_three", *options).out
    done = cli("train", "--recipe", "emocaliber/stage_three", *options, "--run-dir", str(run))
    assert done.code == 0, done.err
    said = [line for line in done.err.splitlines() if line.startswith("warning: emocaliber_stage_three: ")]
    assert said
    assert all(line.partition("stage_three: ")[2] in checked for line in said)
    lines = (run / "records" / "emocaliber_stage_three-validation.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert any(record["fault"] is None and 0 < record["confidence"] < 1 for record in records)
    card = (run / "models" / "emocaliber_stage_three" / "README.md").read_text()
    assert "published reward `emocaliber`" in card


@pytest.mark.slow
@pytest.mark.parametrize("lora", ["null", "{rank: 2}"], ids=["full", "lora"])
@pytest.mark.parametrize("name", RECIPES)
def test_two_real_steps(cli, data, family, tmp_path, name, lora):
    run = tmp_path / "run"
    done = cli("train", "--recipe", name, "--run-dir", str(run), *data(name), *small(name, family, lora))
    assert done.code == 0, done.err
    stages = recipes.load(str(run / "recipe.yaml")).stages
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(row["stage"], row["step"]) for row in rows] == [(stage.name, step) for stage in stages for step in (1, 2)]
    for stage in stages:
        folder = run / "models" / stage.name
        assert (folder / "config.json").is_file()
        assert (folder / "adapter").is_dir() == (lora != "null")
    assert (run / "models" / stages[-1].name / "README.md").is_file()


def test_open_answers_are_graded_by_their_label_in_evaluation(questions):
    """A question without candidates has no votes; a readable right answer counts as right."""
    from emocal_rl.adapters.settings import by_row
    from emocal_rl.data import load
    from emocal_rl.evaluate.generate import records
    from emocal_rl.rewards import Reward

    recipe = recipes.load("rlcr", [f"data.name={questions}"])
    rows = load(recipe.data).split("test")
    reward = Reward({"correct": 1.0, "brier": 0.0}, format="rlcr", grader=recipe.grader or by_row)
    texts = [reward.format.write({"think": "a sum", "analysis": "easy"}, said, 0.9) for said in ("12", "99")]
    assert [row["correct"] for row in records(rows, texts, reward, "rlcr", "test")] == [1.0, 0.0]
