"""The blocks of a recipe: what each key under `data`, `model`, `evaluation`, ... may be, and means.

>>> Lora(rank=8).alpha
32.0
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A mapping of a recipe: no key that is not known, no value of another type, nothing changed later."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, ser_json_inf_nan="constants"
    )


class Data(Part):
    """Where the rows come from."""

    name: str = "emoji"
    """emoji (the embedded pictures with their human votes), a published data set (emocal-rl data --list), the path of a
    .jsonl file, or hf:NAME of a data set on the hub or in a folder."""
    classes: int | None = Field(default=None, ge=2)
    """Number of candidate labels, where a data set offers several (emoji: 2, or 3 with neutral); null for its own."""
    root: str | None = None
    """Folder of the pictures of a data set that is not embedded."""
    limit: int | None = Field(default=None, ge=1)
    """Use at most this many rows of each split; null for all."""
    question: str | None = None
    """What is asked about every row; null for the row's own question, or the usual one for its labels."""
    columns: dict[str, str] = {}
    """Our name of a column: the file's, for .jsonl and hf: (label: emotion, or label: reward_model.ground_truth)."""
    labels: str | list[str] | None = None
    """Candidates of rows that name none, for .jsonl and hf: a taxonomy, such as mikels8, or a list."""
    accept: list[str] = []
    """Taxonomies whose labels count as answers too, mapped onto the data's own: for a model trained on other labels."""
    exclude: str | None = None
    """File of ids to leave out, one a line (emocal-rl data NAME --write-exclude FILE makes one)."""
    given_prompts: bool = False
    """Put the prompts that the rows bring (VEC-CoT, VECBench) as they are, instead of question and instruction."""


class Lora(Part):
    """Low-rank adapters: few weights are trained and folded into the model when a stage ends."""

    rank: int = Field(default=16, ge=1)
    """Rank of an adapter."""
    alpha: float = Field(default=32.0, gt=0)
    """An adapter's output is multiplied by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout in front of an adapter."""
    targets: Literal["language", "all"] | list[str] = "language"
    """Linear layers that get one: those of the language model, all (vision tower and aligner too), or those of these
    names, such as [q_proj, v_proj]."""


class Model(Part):
    """What is trained."""

    name: str = "tiny"
    """tiny (the embedded model), smollm2 (a language model in a Python package), smollm2-vision (the same with the
    embedded model's vision tower and a new connector), the path of a checkpoint or of a .gguf file, or a model hub
    id."""
    checkpoint: str | None = None
    """Start the recipe's own stage from this checkpoint, which is evaluated first, as the report's before; the warm
    starts are skipped then."""
    threads: int | Literal["auto"] = "auto"
    """torch threads: a number, or auto (one on a machine without a GPU and at most four cores, else torch's
    default)."""
    lora: Lora | None = None
    """Train low-rank adapters; null trains all weights that are not frozen."""
    bits: Literal[4, 8] | None = None
    """Load weights quantised to 4 or 8 bits (bitsandbytes, a GPU and lora needed; replies are sampled by
    rollout.engine: hf); null for weights of `dtype`."""
    dtype: Literal["float32", "bfloat16"] | None = None
    """Weights as numbers of 32 or 16 bits; null for bfloat16 on a GPU, float32 without one. With lora, bfloat16 holds
    the weights that stay as they are in half the memory."""
    attention: str | None = None
    """Implementation of attention: eager, sdpa, flash_attention_2 or any other that transformers has for the model;
    null for its choice. On a CPU, eager is a little faster than sdpa on short texts."""
    min_pixels: int | None = Field(default=None, ge=1)
    """Scale smaller pictures up to this many pixels (Qwen-VL only); null leaves the processor's limit."""
    max_pixels: int | None = Field(default=None, ge=1)
    """Scale larger pictures down to this many pixels (Qwen-VL only); null leaves the processor's limit."""


class Evaluation(Part):
    """What is measured after each stage."""

    splits: list[str] = ["validation", "unseen_style", "unseen_emoji", "other_domain"]
    """The splits to evaluate on; the first trains the post-hoc recalibration baselines, so with one split there are no
    recalibrated rows. The default is for the embedded data; other data need their own."""
    limit: int | None = Field(default=None, ge=1)
    """Evaluate at most this many rows of each split; null for all."""
    batch_size: int = Field(default=64, ge=1)
    """Replies generated at a time."""
    max_new_tokens: int = Field(default=96, ge=1)
    """Longest reply."""
    temperature: float = Field(default=0.0, ge=0)
    """Sampling temperature of the replies; 0 is greedy."""
    bootstrap: int = Field(default=2000, ge=0)
    """Bootstrap resamples behind each interval; 0 for no intervals."""


class Labels(Part):
    """Where the confidences of stage two come from."""

    strategy: Literal[
        "hit_rate", "self_consistency", "similarity", "answer_probability", "votes", "constant", "given", "file"
    ] = "hit_rate"
    """Of the previous stage's model: hit_rate (the share of its sampled answers that are right), self_consistency (the
    share that agree), similarity (hits, with part credit for the same polarity), answer_probability (of the label's
    tokens). Of the data: votes (the share of annotators), given (what the row states), constant, file (what `emocal-rl
    label` wrote)."""
    samples: int = Field(default=8, ge=1)
    """Answers sampled per row."""
    temperature: float = Field(default=1.0, gt=0)
    """Sampling temperature of those answers."""
    format: str = "emocaliber_answer"
    """The format in which the previous stage's model answers."""
    smoothing: float = Field(default=1.0, ge=0)
    """Pseudo-counts added to each side, so that no label is exactly 0 or 1: (hits + s) / (samples + 2 s)."""
    levels: int | None = Field(default=None, ge=2, le=50)
    """Move every confidence to the middle of one of this many equal steps of [0, 1], and give the labels of a
    distribution whole steps: few values are learnt from few rows; null for hundredths."""
    max_new_tokens: int = Field(default=96, ge=1)
    """Longest sampled answer."""
    near: float = Field(default=0.5, ge=0, le=1)
    """With similarity: what an answer of the label's polarity counts; the label itself counts 1."""
    value: float = Field(default=0.9, gt=0, lt=1)
    """With constant: the confidence of every row."""
    file: str | None = None
    """With file: the labels, one JSON object a line with id and confidence."""


class Ppo(Part):
    """What PPO has beside the trainer's options."""

    value_learning_rate: float = Field(default=1e-3, gt=0)
    """Learning rate of the value head; it follows the schedule of trainer.learning_rate."""
    value_clip: float | None = Field(default=0.2, gt=0)
    """How far a value may move from what it was when the replies were sampled; null for no limit. Matters where a
    batch is used more than once."""
    gamma: float = Field(default=1.0, gt=0, le=1)
    """Discount of a reward for every token that lies between; 1 for none."""
    gae_lambda: float = Field(default=1.0, ge=0, le=1)
    """Generalised advantage estimation: 1 pays every token what the reply earned beyond the value expected there, so
    that an error of the values cannot bend a rule; smaller trusts the values more and has less noise."""


class JudgeErrors(Part):
    """Known error rates of a judge; answers are then graded by an unbiased estimate of the truth."""

    false_positive: float = Field(default=0.0, ge=0, lt=1)
    """How often it takes a wrong answer for right."""
    false_negative: float = Field(default=0.0, ge=0, lt=1)
    """How often it takes a right answer for wrong."""


class SegmentWeights(Part):
    """How much the gradient of each segment of a reply counts; what it is paid for does not change."""

    answer: float = Field(default=1.0, ge=0)
    """Reasoning and answer. 0 leaves them as they are, so that nothing but the confidence is learnt. A reply that
    cannot be read has no segments and counts 1."""
    confidence: float = Field(default=1.0, ge=0)
    """The tokens of the confidence."""


class CalibrationSchedule(Part):
    """A factor in [0, 1] on the weights of the calibration terms; where both keys are given, the smaller one."""

    ramp: list[int] | None = Field(default=None, min_length=2, max_length=2)
    """[first, last]: 0 up to step `first`, 1 from step `last`, linear between."""
    learning_speed: float | None = Field(default=None, ge=0, le=1)
    """Lower the weight where a better answer would be paid less than this share of what correctness alone pays: V'(p)
    at the share p of right answers in the last log. Hard questions are learnt slowly under a full weight."""


class Rollout(Part):
    """Who writes the replies that are rewarded, and how the trained weights reach it."""

    engine: Literal["auto", "hf", "vllm-colocate", "vllm-server"] = "auto"
    """hf (transformers, in the trainer), vllm-colocate (vLLM in the trainer's process, on the same device),
    vllm-server (servers started by `emocal-rl serve-rollouts`), or auto: vllm-colocate where vLLM is installed, a GPU
    is there and model.bits is null, else hf."""
    servers: list[str] = []
    """Addresses of the servers, such as http://localhost:8000; prompts are divided between them. Only for
    vllm-server."""
    sync: Literal["auto", "nccl", "files"] = "auto"
    """How weights reach a server: nccl (GPU to GPU), files (written where the server can read them too), or auto:
    nccl on a GPU, else files."""
    sync_dir: str | None = None
    """Folder for `sync: files`, on a disk that trainer and servers share; null for one in the run directory."""
    ahead: int = Field(default=0, ge=0, le=1)
    """Batches that the servers sample while the trainer learns from an earlier one. With 1 replies come from weights
    that are one batch old; importance weights correct for that. Only for vllm-server."""
    timeout: float = Field(default=600.0, gt=0)
    """Seconds to wait for a server to start, to answer or to take the weights before the run stops."""
    memory: float = Field(default=0.3, gt=0, lt=1)
    """Share of the GPU's memory that vLLM takes. Only for vllm-colocate."""
    sleep: bool = False
    """Free vLLM's memory while the model is updated, for the time it takes to wake up. Only for vllm-colocate."""
    options: dict[str, Any] = {}
    """Arguments of vLLM's engine, passed on as they are: max_model_len, tensor_parallel_size, ... Only for
    vllm-colocate; a server gets them from `emocal-rl serve-rollouts`."""


class EarlyStop(Part):
    """Keeping the model with the lowest Brier score on rows that are not trained on."""

    every: int = Field(default=20, ge=1)
    """Measure after every so many steps, and after the last one."""
    patience: int = Field(default=3, ge=1)
    """Stop after so many measurements in a row without a lower score."""
    split: str = "validation"
    """The rows to answer, greedily."""
    rows: int | None = Field(default=None, ge=1)
    """Use at most this many of them; null for all."""


class Launch(Part):
    """How many processes train."""

    processes: int = Field(default=1, ge=1)
    """Processes on this machine, one for each GPU. More than one are started with `accelerate launch`; what a cluster's
    launcher has started is left as it is."""
    accelerate_config: str | None = None
    """fsdp2, deepspeed_zero2 or deepspeed_zero3 (shipped), or a configuration file of accelerate; null for plain data
    parallelism."""
