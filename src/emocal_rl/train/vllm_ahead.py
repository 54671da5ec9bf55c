"""Servers that sample the next batch while the trainer learns from this one: `rollout.ahead: 1`.

At each batch the trainer waits for it, brings the servers' weights up to date, lets them begin the next batch, and
learns.  So replies come from weights that are one batch of updates old, never more, and their chances under those
weights are known: GRPO and PPO weigh them by TRL's importance correction, RLOO by its clipped ratio
(`SampledRLOOTrainer`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

from accelerate.utils import broadcast_object_list, gather_object
from transformers import TrainerCallback
from trl.data_utils import prepare_multimodal_messages

from emocal_rl import files
from emocal_rl.data.pictures import content
from emocal_rl.recipe_blocks import Rollout
from emocal_rl.train.vllm_server import ServerEngine, in_words

KEPT = "rollouts_ahead.json"  # in a checkpoint


@dataclass
class Batch:
    """Prompts that are sampled before the trainer asks for them.

    Attributes:
        weights: the step whose weights sample it.
        prompts: token ids, one list a group.
        pictures: digest of each prompt's pictures, whose token ids are the same for all.
        found: what the servers answer, with the `seconds` that it took.
    """

    weights: int
    prompts: list[list[int]]
    pictures: list[str]
    found: Future[dict[str, Any]]
    waited: float = 0.0


class AheadEngine(ServerEngine):
    """`ServerEngine`, one batch ahead.  The first process alone knows of it; the others get their replies as ever.

    A batch that comes out otherwise than foreseen is sampled when it is asked for.  What is sampled ahead is kept in
    checkpoints, and a resumed run learns from it first.

    Raises:
        UserError: as `ServerEngine`; what happens while a batch is sampled ahead, where it is waited for.
    """

    def __init__(self, trainer: Any, rollout: Rollout, silent: Sequence[int], folder: str) -> None:
        self._ahead: Batch | None = None
        self._number = -1  # of the batch that was asked for last; -1 before the first
        self._sampling = 0  # number of the batch whose replies are being sampled
        super().__init__(trainer, rollout, silent, folder)
        trainer.add_callback(_KeepInCheckpoints(self))

    def _next_seed(self) -> int:
        return int(self.seed * 1_000_003 + self._sampling)

    def wait(self) -> None:
        """Until nothing is being sampled: weights must not change in the middle of a reply.

        Raises:
            UserError: what went wrong with it.
        """
        if self._ahead is not None:
            began = time.perf_counter()
            self._ahead.found.result()
            self._ahead.waited += time.perf_counter() - began

    def sync_weights(self) -> None:
        """Bring the servers' weights up to date, once they have sampled what they are at."""
        self.wait()
        super().sync_weights()

    def generate(self, prompts: Any, images: Any, num_generations: int, profiler: Any = None) -> Any:
        """TRL's `generate`: of the batch that is there already, after which the next one begins."""
        self.wait()
        training = self.trainer.model.training
        if training:
            self._count()
        found = self._taken(prompts, images, num_generations) if training else None
        if found is None:
            self._sampling = self._number
            found = super().generate(prompts, images, num_generations, profiler)
        if training and self.accelerator.is_main_process:
            self._begin(num_generations)
        self.latest = found[2]
        return found

    def _count(self) -> None:
        if self._number >= 0:
            self._number += 1
            return
        args, done = self.trainer.args, self.trainer.state.global_step
        self._number = done * args.gradient_accumulation_steps // (args.steps_per_generation * args.num_iterations)
        kept = Path(args.output_dir) / f"checkpoint-{done}" / KEPT
        if self.accelerator.is_main_process and kept.exists():
            self._ahead = _read(kept)

    def _taken(self, prompts: Any, images: Any, num_generations: int) -> Any:
        """This process's part of the batch that was sampled ahead; None where it is another."""
        first = self.accelerator.process_index * len(prompts)
        heads = range(-first % num_generations, len(prompts), num_generations)  # of the groups that begin here
        sent = gather_object([(list(prompts[at]), digest(images and images[at])) for at in heads])
        whole = [self._fitting(sent) if self.accelerator.is_main_process else None]
        broadcast_object_list(whole)
        if whole[0] is None:
            return None
        mine = slice(first, first + len(prompts))
        completions, chances = (whole[0][key][mine] for key in ("completion_ids", "logprobs"))
        self.check_tokens(completions)
        return prompts, completions, chances, None

    def _fitting(self, sent: list[tuple[list[int], str]]) -> dict[str, Any] | None:
        batch, self._ahead = self._ahead, None
        if batch is None:
            self._log(0, 0.0)
            return None
        found = batch.found.result()
        if sent != list(zip(batch.prompts, batch.pictures, strict=True)):
            self._log(0, 0.0)
            return None
        self._log(self.trainer.state.global_step - batch.weights, max(0.0, found["seconds"] - batch.waited))
        return found

    def _log(self, staleness: int, overlapped: float) -> None:
        log = self.trainer._metrics["train"]
        log["sampling/staleness"].append(float(staleness))
        log["sampling/overlapped_seconds"].append(overlapped)

    def _begin(self, num_generations: int) -> None:
        """Let the servers begin the next batch, unless this is the last."""
        rows = self._rows_of(self._number + 1)
        if not rows:
            return
        # not on the thread: a tokenizer cannot be used by two at a time
        prompts, images, _ = self._tokenize([_conversation(self.trainer.train_dataset[row]) for row in rows])
        pictures = [digest(each) for each in images or [None] * len(rows)]
        batch = Batch(self.trainer.state.global_step, [list(ids) for ids in prompts], pictures, Future())
        self._ahead, self._sampling = batch, self._number + 1
        # a daemon: a run that ends with an error does not wait for replies that nobody will read
        Thread(target=self._sample, args=(batch, images, num_generations), daemon=True).start()

    def _rows_of(self, number: int) -> list[int]:
        """The rows of the data set in a batch, one a group; none beyond the last."""
        trainer, args = self.trainer, self.trainer.args
        if (
            number * args.steps_per_generation * args.num_iterations
            >= args.max_steps * args.gradient_accumulation_steps
        ):
            return []
        sampler = trainer._get_train_sampler()
        each = sampler.batch_size * sampler.mini_repeat_count
        first = number * each * sampler.repeat_count
        return list(islice(sampler, first, first + each, sampler.mini_repeat_count))

    def _sample(self, batch: Batch, images: Any, num_generations: int) -> None:
        began = time.perf_counter()
        try:
            with in_words():
                found = self._ask(batch.prompts, images, num_generations)
            batch.found.set_result(found | {"seconds": time.perf_counter() - began})
        except BaseException as problem:  # raised again by whoever waits
            batch.found.set_exception(problem)

    def _ask(self, prompts: list[list[int]], images: Any, num_generations: int) -> dict[str, Any]:
        """What TRL's `generate` asks the servers."""
        features = None
        if images is not None:
            pictures = zip(self.vllm_client.image_features(images), prompts, strict=True)
            features = [self._place_features(one, ids) for one, ids in pictures]
        found: dict[str, Any] = self.vllm_client.generate(
            prompts=prompts, features=features, n=num_generations, repetition_penalty=self.repetition_penalty,
            temperature=self.temperature, top_p=self.top_p, top_k=self.top_k, min_p=self.min_p or 0.0,
            max_tokens=self.max_completion_length, logprobs=self.logprobs, generation_kwargs=self.generation_kwargs,
        )  # fmt: skip
        return {key: found[key] for key in ("completion_ids", "logprobs")}

    def keep(self, checkpoint: Path) -> None:
        """Write what is sampled ahead into a checkpoint."""
        self.wait()
        if (batch := self._ahead) is not None:
            said = {"weights": batch.weights, "prompts": batch.prompts, "pictures": batch.pictures}
            files.write_json(checkpoint / KEPT, said | {"found": batch.found.result()})


class _KeepInCheckpoints(TrainerCallback):  # type: ignore[misc]
    def __init__(self, engine: AheadEngine) -> None:
        self.engine = engine

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self.engine.keep(Path(args.output_dir) / f"checkpoint-{state.global_step}")


def _read(path: Path) -> Batch:
    said = json.loads(path.read_text("utf-8"))
    found: Future[dict[str, Any]] = Future()
    found.set_result(said["found"] | {"seconds": 0.0})
    # "": before digests were kept; no picture has it, so such replies are sampled anew
    return Batch(said["weights"], said["prompts"], said.get("pictures", [""] * len(said["prompts"])), found)


def digest(pictures: Sequence[Any] | None) -> str:
    """A text that is equal only for equal pictures; "" for none."""
    return hashlib.sha256(b"".join(map(content, pictures))).hexdigest() if pictures else ""


def _conversation(row: dict[str, Any]) -> Any:
    """A row's prompt as TRL hands it to its tokenizer: the picture in front."""
    picture = row.get("image")
    return row["prompt"] if picture is None else prepare_multimodal_messages(row["prompt"], images=[picture])
