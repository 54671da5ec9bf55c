"""Early stopping: greedy answers on rows that are not trained on, the best model so far kept, a stop when it ages."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from emocal_rl import files
from emocal_rl.adapters.settings import by_row
from emocal_rl.data import DataSet
from emocal_rl.errors import UserError
from emocal_rl.evaluate.generate import complete_batch
from emocal_rl.models.load import image_token_ids
from emocal_rl.models.lora import adapted
from emocal_rl.rewards import Reward

if TYPE_CHECKING:
    from emocal_rl.recipe import Stage
    from emocal_rl.recipe_blocks import EarlyStop


class KeepBest(TrainerCallback):  # type: ignore[misc]
    """Measures the Brier score (lower is better) every few steps and keeps the model that had the lowest.

    An unreadable reply counts as the worst readable one; one that cannot be graded does not count.  Everything is in
    `folder`, so a resumed run goes on with it. A kill may come at any time: a model is whole before its measurement is
    noted, and the best one as of the last checkpoint stays, since a resumed run goes back to that.

    Args:
        trainer: its logs get `validation/brier`.
        folder: where `best.json` (every measurement) and `model-STEP` (the best one's weights) go.
        saved: the step of the last complete checkpoint, 0 for none.
    """

    def __init__(
        self,
        options: EarlyStop,
        stage: Stage,
        data: DataSet,
        trainer: Any,
        processor: Any,
        folder: Path,
        saved: Callable[[], int] = lambda: 0,
    ) -> None:
        self.options, self.trainer, self.processor, self.folder = options, trainer, processor, folder
        self.saved = saved
        self.rows = data.split(options.split)[: options.rows]
        self.reward = Reward({"correct": 0.0, "brier": 1.0}, format=stage.format, grader=stage.grader or by_row)
        self.seen: list[tuple[int, float]] = []

    @property
    def best(self) -> tuple[int, float] | None:
        """(step, Brier score) of the lowest score so far, the earlier one on a tie."""
        return self._best_until(math.inf)

    @property
    def aged(self) -> bool:
        """Whether so many measurements came after the best one that training ends."""
        return self.best is not None and sum(step > self.best[0] for step, _ in self.seen) >= self.options.patience

    def _best_until(self, last: float) -> tuple[int, float] | None:
        seen = [each for each in self.seen if each[0] <= last]
        return min(seen, key=lambda each: (each[1], each[0]), default=None)

    def _model(self, best: tuple[int, float] | None) -> Path:
        return self.folder / f"model-{best[0] if best else 0}"

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up the measurements up to the checkpoint; the later ones are made again.

        Raises:
            UserError: the weights of the best of them are not there.
        """
        path = self.folder / "best.json"
        seen = json.loads(path.read_text("utf-8"))["measured"] if path.exists() else []
        self.seen = [(step, brier) for step, brier in seen if step <= state.global_step]
        if self.best is not None and not self._model(self.best).is_dir():
            raise UserError(
                f"{self._model(self.best)}: the best model so far is not there; put it back, or remove {self.folder} "
                "to look for the best one from here on"
            )

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Measure, keep the model if it is the best, stop if the best is too old."""
        if self.aged:  # killed after the last measurement, and resumed: nothing is left to be measured
            control.should_training_stop = True
            return
        if state.global_step % self.options.every and state.global_step < state.max_steps:
            return
        self.seen.append((state.global_step, self.measure(model)))
        self.trainer._metrics["train"]["validation/brier"].append(self.seen[-1][1])
        if state.is_world_process_zero:
            self._keep(self.trainer.accelerator.unwrap_model(model), state.global_step)
        control.should_training_stop = control.should_training_stop or self.aged

    def _keep(self, model: Any, step: int) -> None:
        """Write the model, if it is the best; then the measurements; then remove what no resumed run can go back to."""
        best = self._model(self.best)
        if best == self._model((step, 0.0)):
            unfinished = self.folder / f".{best.name}.tmp"
            for stale in (unfinished, best):
                shutil.rmtree(stale, ignore_errors=True)
            model.save_pretrained(unfinished)
            unfinished.rename(best)
        files.write_json(self.folder / "best.json", {"best": self.best, "measured": self.seen})
        models = {*self.folder.glob("model-*"), *self.folder.glob(".model-*.tmp")}
        for old in models - {best, self._model(self._best_until(self.saved()))}:
            shutil.rmtree(old)

    def measure(self, model: Any) -> float:
        """The Brier score of greedy answers; leaves the model and the random numbers as they were."""
        unwrapped = self.trainer.accelerator.unwrap_model(model)
        form, size, was_training = self.reward.format, 64, unwrapped.training
        silent = image_token_ids(unwrapped, self.processor)
        longest = self.trainer.args.max_completion_length or 96
        options = {"max_new_tokens": longest, "do_sample": False, "suppress_tokens": silent}
        unwrapped.eval()
        with torch.inference_mode(), torch.random.fork_rng():
            texts = [
                text
                for start in range(0, len(self.rows), size)
                for text in complete_batch(unwrapped, self.processor, self.rows[start : start + size], form, options)
            ]
        unwrapped.train(was_training)
        scored = self.reward(texts, [row.target() for row in self.rows])
        graded = [row.terms["brier"] for row in scored if row.terms]
        if not graded:
            raise UserError(f"early_stop.split: no row of '{self.options.split}' can be graded; choose another split")
        return round(-sum(graded) / len(graded), 6)

    def recall(self) -> None:
        """Put the best adapters back into the model, before they are folded in; a whole model is left to `restore`."""
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        if adapted(model):
            from peft import load_peft_weights, set_peft_model_state_dict

            set_peft_model_state_dict(model, load_peft_weights(str(self._model(self.best))))

    def restore(self, folder: Path) -> None:
        """Put the best model's weights into a saved model's folder."""
        best = self._model(self.best)
        if (best / "adapter_config.json").exists():
            return
        for path in best.iterdir():
            shutil.copy(path, folder / path.name)
