"""The recipe: one YAML file that is a result. This module is its schema; `recipe_source` reads the text,
`recipe_blocks` has what its keys hold.

>>> recipe = from_tree({"name": "demo", "algorithm": "sft", "split": "stage_one", "format": "emocaliber_answer"})
>>> recipe.seed, recipe.data.name, [stage.name for stage in recipe.stages]
(0, 'emoji', ['demo'])
>>> from_tree(yaml_load.parse(dump(recipe), "dumped.yaml")[0]) == recipe
True
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from emocal_rl import recipe_errors, recipe_sense, recipe_source, yaml_load
from emocal_rl.errors import UserError
from emocal_rl.recipe_blocks import (
    CalibrationSchedule,
    Data,
    EarlyStop,
    Evaluation,
    JudgeErrors,
    Labels,
    Launch,
    Model,
    Part,
    Ppo,
    Rollout,
    SegmentWeights,
)

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"  # a name becomes a folder of the run directory


class Stage(Part):
    """One training stage."""

    name: str = Field(pattern=NAME)
    """Name of the recipe, and of the stage's folders in the run directory."""
    algorithm: Literal["sft", "grpo", "rloo", "ppo"]
    """sft (supervised fine-tuning), or by reinforcement learning on the reward: grpo, rloo or ppo."""
    split: str
    """The training rows: a split of the data, such as train, or one of its parts stage_one, stage_two and stage_three
    (60 : 30 : 10)."""
    format: str
    """The output contract: the instruction added to the question and the reader of the reply."""
    target: Literal["annotator", "votes", "majority", "leave_one_annotator_out", "judge"] = "votes"
    """What an answer is held against: one annotator's label (drawn from the votes for every answer), the share of
    votes that agree, the majority label, the share of the votes of all annotators but one (drawn for every answer), or
    the probability that a judge gives it (rows with `judge`)."""
    judge_errors: JudgeErrors | None = None
    """With `target: judge`: how often the judge is known to err; null takes its word."""
    reward: dict[str, float | dict[str, Any]] | str = Field(default={})
    """term: weight, or term: {use: rule, weight: w, option: value}. Weight 0 is measured, not paid. Or the name of a
    published reward (see `emocal-rl rewards`): its terms and what it gives an unreadable reply. Only for RL."""
    grader: str | None = None
    """How an answer is graded, such as numeric, choice, or module:function; null for what `target` says: votes or
    label."""
    credit: Literal["sequence", "segment", "exact"] = "sequence"
    """What a token is paid for: the whole reward (sequence); the calibration terms on the tokens of the confidence and
    the other terms on the rest (segment); or segment with the expected score of its digits (exact). Only for RL;
    rloo has sequence alone."""
    digit_entropy: float = Field(default=0.0, ge=0)
    """With `credit: exact`: what a nat of entropy of each digit of the confidence is worth, beside the rule's pay.
    Keeps confidences from becoming one number before they can differ between pictures."""
    exact_answer: bool = False
    """With `credit: exact`: the choice between the row's candidates is learnt from its expected reward as well, where
    the first token of the answer makes it."""
    segment_weights: SegmentWeights | None = None
    """With `credit: segment` or `exact`: how much the gradient of each segment counts; null for 1 each."""
    calibration_target: Literal["outcome", "leave_one_out", "mixed"] = "outcome"
    """What a confidence is scored against: the outcome of its own answer, the share of the group's other answers that
    are right, or half the outcome and half the group's share. A term with a target of its own keeps it. The last two
    have less noise and move the confidence from this answer's chance towards that of the question."""
    calibration_schedule: CalibrationSchedule | None = None
    """How the weight of the calibration terms changes in training; null keeps it. Only for RL."""
    ppo: Ppo | None = None
    """Options of PPO's value head; null for the defaults. Only for ppo; epochs and minibatches are
    trainer.num_iterations and trainer.steps_per_generation."""
    rollout: Rollout | None = None
    """The engine that samples replies; null for the defaults. Only for RL."""
    early_stop: EarlyStop | None = None
    """Keep the best model by its Brier score on validation rows, and stop when it has aged; null trains to the end.
    Only for RL with a format that states one confidence."""
    labels: Labels | None = None
    """Where the confidences to imitate come from; null where the format states none. Only for sft."""
    augment: float = Field(default=0.0, ge=0)
    """How much to shift, turn, scale and recolour each training picture; 0 not at all, 1 the default amount."""
    sampling: Literal["balanced", "shuffled"] = "balanced"
    """Order of the rows: every majority label equally often, or every row once before any comes again."""
    freeze_vision: bool = False
    """Leave the vision tower as it is: what it knows of pictures unlike the stage's own is not unlearnt."""
    freeze_aligner: bool = False
    """Leave the layers between the vision tower and the language model as they are."""
    allow_unsound: bool = False
    """Train on a reward that `emocal-rl check` finds unsound; ablations need that."""
    trainer: dict[str, Any] = Field(default={})
    """Options of TRL's SFTConfig, GRPOConfig (grpo, ppo) or RLOOConfig, passed on as they are. scale_rewards is what
    advantages are divided by: none (default), batch or group; rloo and ppo have none and batch. report_to sends
    the metrics of the log to trackers as well: tensorboard, trackio or wandb (extra `trackers`)."""


class Recipe(Stage):
    """A recipe: the keys of its own (last) stage, the stages to run before it, and what they all share."""

    seed: int = Field(default=0, ge=0)
    """Seed of everything random."""
    data: Data = Data()
    """Where the rows come from."""
    model: Model = Model()
    """What is trained."""
    evaluation: Evaluation = Evaluation()
    """What is measured after each stage."""
    launch: Launch = Launch()
    """How many processes train."""
    warm_start: list[Stage] = Field(default=[])
    """Stages to run first, in order: names or paths of recipes, or stages written out."""

    @property
    def stages(self) -> list[Stage]:
        """The stages to run, in order: the warm starts (unless `model.checkpoint` replaces them), then its own."""
        own = Stage.model_validate({key: getattr(self, key) for key in Stage.model_fields})
        return [own] if self.model.checkpoint is not None else [*self.warm_start, own]


SHARED_KEYS = tuple(key for key in Recipe.model_fields if key not in Stage.model_fields)


def load(name_or_path: str, overrides: Sequence[str | recipe_source.Override] = (), *, rewards: bool = True) -> Recipe:
    """Load a recipe from a path or a packaged name (`grpo_brier`, `grpo_brier.yaml`) and apply `key=value` overrides.

    rewards: whether its rules, formats and graders have to be found; what only reads a run's results can do without.
    Raises `UserError` with one line per problem, all of them at once.

    >>> load("grpo_breer")
    Traceback (most recent call last):
    emocal_rl.errors.UserError: no recipe 'grpo_breer'...
    """
    source = recipe_source.read(name_or_path, overrides, SHARED_KEYS)
    return from_tree(source.tree, source.where, rewards=rewards)


def from_tree(tree: Any, where: recipe_errors.Where = recipe_errors.nowhere, *, rewards: bool = True) -> Recipe:
    """A recipe from plain data; `where` gives file and line of a key for the error lines, `rewards` is as in `load`."""
    problems = recipe_sense.problems(tree, where, rewards=rewards)
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        problems += recipe_errors.explain(error, tree, Recipe, where)
    if problems:
        raise UserError(*sorted(dict.fromkeys(problems), key=recipe_errors.by_line))
    return recipe


def dump(recipe: Recipe, keys: Sequence[str] | None = None) -> str:
    """The recipe as YAML, every default filled in; loading it gives an equal recipe.

    keys: write only these, where all others have their defaults.
    """
    return yaml_load.write(recipe.model_dump(mode="json", include=None if keys is None else set(keys)))


def json_schema() -> dict[str, Any]:
    """JSON Schema of the recipe file, for completion in editors: a warm start may be a name there."""
    schema = Recipe.model_json_schema()
    warm_start = schema["properties"]["warm_start"]
    warm_start["items"] = {"anyOf": [warm_start["items"], {"type": "string"}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
