"""PPO end to end on the small task: it learns, it is killed and continues, it works beside LoRA."""

import json

import pytest
import scripted
import torch
from safetensors.torch import load_file

from emocal_rl import recipe as recipes
from emocal_rl.adapters.trl import TrlReward
from emocal_rl.errors import UserError
from emocal_rl.models.load import load
from emocal_rl.rewards import FORMATS, Reward
from emocal_rl.run import Run
from emocal_rl.train.ppo import ExactPPOTrainer, PPOTrainer, SegmentPPOTrainer
from emocal_rl.train.value_head import FILE, ValueHead, backbone, last_states


@pytest.mark.slow
def test_killed_it_continues_to_the_same_end(toy, curve_of):
    """Two epochs of two minibatches: one sampled batch lasts four steps, and checkpoints lie between batches."""
    trainer = {"max_steps": 8, "steps_per_generation": 2, "num_iterations": 2, "per_device_train_batch_size": 4}
    done = toy.train(toy.recipe("ppo", trainer))
    folder = done.path / "checkpoints" / "toy"
    assert sorted(path.name for path in folder.glob("checkpoint-*")) == ["checkpoint-4", "checkpoint-8"]
    heads = [load_file(folder / name / FILE) for name in ("checkpoint-4", "checkpoint-8")]
    assert not torch.equal(heads[0]["outer.weight"], heads[1]["outer.weight"])
    rows = curve_of(done)
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert {"value/loss", "value/mean", "value/explained"} <= rows[0].keys() | rows[4].keys()
    assert curve_of(toy.killed_after(done, 4)) == rows
    assert not any("value" in name for name in load_file(done.model_dir("toy") / "model.safetensors"))


@pytest.mark.slow
def test_it_learns_what_pays(toy, curve_of):
    """Four of five people call the picture an object; the base model says so every tenth time."""
    # at the toy's own rate, twice as high, the format is lost on the way
    trainer = {"max_steps": 16, "per_device_train_batch_size": 32, "save_steps": 16, "temperature": 0.8}
    trainer |= {"learning_rate": 5.0e-4}
    rows = curve_of(toy.train(toy.recipe("ppo", trainer)))
    first, last = ([row["reward"] for row in part] for part in (rows[:3], rows[-3:]))
    assert sum(last) / 3 > sum(first) / 3 + 0.3
    assert rows[-1]["value/mean"] > rows[0]["value/mean"] + 0.2


def test_a_value_is_expected_before_its_token_is_seen(toy, monkeypatch):
    """Another last token changes no value; another first one changes all but the first."""
    seen = []
    original = PPOTrainer._generate_and_score_completions

    def watched(self, inputs):
        output = original(self, inputs)
        torch.nn.init.normal_(self.value_head.outer.weight)
        ids, values = output["completion_ids"], self._values_of(output)
        end = int(output["completion_mask"][0].sum()) - 1
        for place in (0, end):
            changed = ids.clone()
            changed[0, place] = ids[0, place] ^ 1
            seen.append((place, (self._values_of(output | {"completion_ids": changed}) - values)[0, : end + 1].abs()))
        return output

    monkeypatch.setattr(PPOTrainer, "_generate_and_score_completions", watched)
    toy.train(toy.recipe("ppo", {"max_steps": 1}))
    (_, after_first), (_, after_last) = seen
    assert after_last.max() < 1e-5
    assert after_first[0] < 1e-5
    assert after_first[1:].max() > 1e-3


def test_ungraded_replies_teach_nothing_and_the_head_starts_at_the_mean(toy, monkeypatch):
    seen = []
    rewarded, original = PPOTrainer._calculate_rewards, PPOTrainer._generate_and_score_completions

    def some_missing(self, *args):
        found = rewarded(self, *args)
        self._totals = torch.full_like(self._totals, 0.4)
        self._totals[0] = torch.nan
        return found

    def watched(self, inputs):
        seen.append(original(self, inputs))
        return seen[-1]

    monkeypatch.setattr(PPOTrainer, "_calculate_rewards", some_missing)
    monkeypatch.setattr(PPOTrainer, "_generate_and_score_completions", watched)
    toy.train(toy.recipe("ppo", {"max_steps": 1}))
    (output,) = seen
    assert output["values"].numpy() == pytest.approx(0.4)
    assert output["value_mask"].sum(1).eq(0).sum() == 1
    assert output["advantages"].abs().max() < 1e-6


def test_the_head_has_its_own_learning_rate_on_the_same_schedule(toy):
    run = toy.train(toy.recipe("ppo", {"lr_scheduler_type": "linear"}, ppo={"value_learning_rate": 0.04}))
    groups = torch.load(run.path / "checkpoints" / "toy" / "checkpoint-2" / "optimizer.pt")["param_groups"]
    assert [group["lr"] for group in groups[:2]] == pytest.approx([5e-4, 5e-4])
    assert groups[2]["lr"] == pytest.approx(0.02)
    assert len(groups[2]["params"]) == 4


def test_beside_lora():
    """States come from inside the wrapper, the head learns, the base weights stay."""
    from peft import LoraConfig, get_peft_model

    model, processor = load("tiny")
    model = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear"))
    inputs = processor.tokenizer("what is it?", return_tensors="pt")
    with last_states(model) as states:
        model(**inputs)
    assert states[0].shape == (1, inputs["input_ids"].shape[1], model.config.get_text_config().hidden_size)
    assert backbone(model) is model.get_base_model().model


@pytest.mark.slow
def test_lora_is_trained_killed_and_continued(toy, curve_of):
    """Only the adapter and the head learn, and both come back."""
    from peft import LoraConfig, get_peft_model

    def wrapped(model):
        torch.manual_seed(0)
        return get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))

    done = toy.train(toy.recipe("ppo", {"temperature": 1.2}), wrapped)
    folder = done.path / "checkpoints" / "toy" / "checkpoint-4"
    assert not (folder / "model.safetensors").exists()
    adapter = load_file(folder / "adapter_model.safetensors")
    assert max(value.abs().max() for name, value in adapter.items() if "lora_B" in name) > 0
    assert curve_of(toy.killed_after(done, 2, wrapped)) == curve_of(done)


def test_the_head_leaves_the_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    head = ValueHead(4, seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(head.inner.weight, ValueHead(4, seed=1).inner.weight)
    assert not torch.equal(head.inner.weight, ValueHead(4, seed=2).inner.weight)


def test_what_ppo_cannot_do_is_said_in_one_line_each(toy):
    with pytest.raises(UserError) as error:
        toy.recipe("ppo", {"scale_rewards": "group"})
    assert error.value.lines == [
        "trainer.scale_rewards: ppo has none and batch (got 'group'); group needs algorithm: grpo"
    ]
    with pytest.raises(UserError, match="ppo: only algorithm: ppo has it; remove the key"):
        toy.recipe("grpo", ppo={"gamma": 0.9})


def right_and_unreadable():
    """A reward that has scored "positive" at .9, which is right, and what cannot be read; their tokens; a decoder."""
    form, candidates = FORMATS["emocaliber"], ["negative", "positive"]
    reward = TrlReward(Reward({"correct": 1.0, "brier": 1.0}, format=form, grader="label"))
    text = form.write(dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x"), "positive", 0.9)
    reward(completions=[text, "hm"], candidates=[candidates] * 2, label=["positive"] * 2)
    tokenizer = load("tiny")[1].tokenizer
    ids = tokenizer([text, "hm"], padding=True, padding_side="right", return_tensors="pt")["input_ids"]
    return reward, ids, lambda part: tokenizer.decode(part, skip_special_tokens=True)


def credited(kind, answer: float = 1.0, **more):
    """The advantages a trainer uses where the value head says 3 and GRPO's credit 7."""
    reward, ids, decode = right_and_unreadable()
    trainer = object.__new__(kind)
    trainer.reward_funcs, trainer._decoded, trainer._answers = [reward], decode, bool(more)
    trainer._weights = {"answer": answer, "confidence": 1.0}
    output = {"completion_ids": ids, "advantages": torch.full(ids.shape, 7.0)} | more
    return trainer, ids, decode, trainer._credited(torch.full(ids.shape, 3.0), output)


def test_with_segment_credit_the_head_is_about_the_answer_alone():
    """Right at .9 and unreadable: the head foresees 1 of .99, and the whole -1; only '0.90' keeps GRPO's advantage."""
    trainer, ids, decode, found = credited(SegmentPPOTrainer)
    assert trainer._earned(torch.tensor([0.99, -1.0])).tolist() == pytest.approx([1.0, -1.0])
    assert decode(ids[0][found[0] == 7.0]) == "0.90"
    assert found[0].unique().tolist() == [3.0, 7.0]
    assert found[1].eq(3.0).all()


def test_the_weight_of_the_answer_counts_in_readable_replies():
    """Half of 3; a reply that cannot be read has no segments, and the confidence has a weight of its own."""
    found = credited(SegmentPPOTrainer, 0.5)[3]
    assert found[0].unique().tolist() == [1.5, 7.0]
    assert found[1].eq(3.0).all()


def test_an_answer_that_is_paid_by_its_expected_reward_is_not_paid_by_the_head_too():
    """Column 4 of the first reply is its choice; the second one has none."""
    found = credited(ExactPPOTrainer, answer_column=torch.tensor([4, -1]))[3]
    assert found.eq(0).nonzero().tolist() == [[0, 4]]


@pytest.mark.parametrize(("credit", "foreseen"), [("sequence", "total"), ("segment", "outcome"), ("exact", "outcome")])
def test_the_head_starts_at_the_mean_of_what_it_foresees(tmp_path, monkeypatch, credit, foreseen):
    """Of the totals; or without what the confidences cost, where those are credited by themselves."""
    seen = []
    original = PPOTrainer._generate_and_score_completions

    def watched(self, inputs):
        output = original(self, inputs)
        seen.append((self.reward_funcs[0].last, output["values"]))
        return output

    monkeypatch.setattr(PPOTrainer, "_generate_and_score_completions", watched)
    recipe = scripted.recipe("ppo", 8, 1, credit=credit, trainer={"max_steps": 1, "save_strategy": "no"})
    scripted.train(Run.create(recipe, tmp_path / "run"))
    ((scored, values),) = seen
    totals = [row.total for row in scored]
    outcomes = [row.total if row.reply.fault else row.correct for row in scored]
    assert sum(outcomes) / 8 > sum(totals) / 8 + 0.1
    assert values.numpy() == pytest.approx(sum(totals if foreseen == "total" else outcomes) / 8, abs=1e-6)


def test_the_recipe_has_the_rollouts_of_grpo_brier():
    ppo, grpo = (recipes.load(name) for name in ("ppo_brier", "grpo_brier"))

    def rollouts(options):
        return options["max_steps"] * options["per_device_train_batch_size"] // options.get("num_iterations", 1)

    assert rollouts(ppo.trainer) == rollouts(grpo.trainer) == 14080
    for key in ("temperature", "max_completion_length"):
        assert ppo.trainer[key] == grpo.trainer[key]
    assert json.dumps(ppo.reward) == json.dumps(grpo.reward)
