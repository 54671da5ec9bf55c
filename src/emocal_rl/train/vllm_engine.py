"""What both vLLM engines share: the prompt as vLLM wants it, tokens ruled out, and weights as they are trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from trl.data_utils import prepare_multimodal_messages
from trl.generation.vllm_generation import VLLMGeneration

from emocal_rl.errors import UserError
from emocal_rl.evaluate.engines.vllm import FORBID
from emocal_rl.recipe_blocks import Rollout


class Engine(VLLMGeneration):  # type: ignore[misc]
    """TRL's vLLM backend, for vision-language models.

    vLLM puts an image's placeholder tokens into the prompt itself.  TRL hands it prompts that have them already, and
    vLLM (0.31) then puts them in once more: the sampler answers another prompt than the one that is trained on.  So
    every prompt is kept as it was before its images were put in, vLLM gets that, and what vLLM read is compared.

    Args:
        trainer: a built GRPOTrainer or RLOOTrainer.
        rollout: the recipe's options.
        silent: ids of tokens that are never sampled.
    """

    def __init__(self, trainer: Any, rollout: Rollout, silent: Sequence[int], **more: Any) -> None:
        self.rollout, self.seed = rollout, trainer.args.seed
        self.trainer = trainer
        self._short: dict[tuple[int, ...], list[int]] = {}  # prompt with its images put in -> without
        args = trainer.args
        given = dict(args.generation_kwargs or {})
        if forbidden := {*silent, *(given.pop("suppress_tokens", None) or ())}:  # vLLM has no such option
            given["logit_bias"] = (given.get("logit_bias") or {}) | dict.fromkeys(sorted(forbidden), FORBID)
        super().__init__(
            model=trainer.model,
            accelerator=trainer.accelerator,
            processing_class=trainer.processing_class,
            repetition_penalty=args.repetition_penalty,
            temperature=args.temperature,
            top_p=args.top_p,
            top_k=args.top_k,
            min_p=args.min_p,
            max_completion_length=args.max_completion_length,
            logprobs=0,
            generation_kwargs=given,
            **more,
        )
        self._tokenize, trainer._tokenize_prompts = trainer._tokenize_prompts, self._tokenized

    def _tokenized(self, prompts: list[Any]) -> Any:
        """TRL's `_tokenize_prompts`, which also keeps the prompts before their images were put in."""
        found = self._tokenize(prompts)
        ids, images, _ = found
        if images is not None:
            trainer, processor = self.trainer, self.processing_class
            texts = processor.apply_chat_template(
                conversation=[prepare_multimodal_messages(prompt) for prompt in prompts],
                chat_template=getattr(trainer, "chat_template", None),  # RLOOTrainer takes the processor's
                add_generation_prompt=True,
                tokenize=False,
                **trainer.chat_template_kwargs,
            )
            short = processor.tokenizer(texts, add_special_tokens=False)["input_ids"]
            self._short = {tuple(long): before for long, before in zip(ids, short, strict=True)}
        return found

    def _check_prompts(self, sent: Sequence[Sequence[int]], read: Sequence[Sequence[int]]) -> None:
        """The sampler must have read what is trained on.

        Raises:
            UserError: another prompt, as a rule because vLLM resizes pictures otherwise than the processor.
        """
        for ours, theirs in zip(sent, read, strict=True):
            if list(ours) != list(theirs):
                raise UserError(
                    f"rollout: vLLM reads a prompt of {len(theirs)} tokens where the trainer has {len(ours)}, so its "
                    "replies would answer another question; the processor of the model folder and vLLM's have to put "
                    "the same tokens in for a picture. Use rollout.engine=hf with this model"
                )

    def _iter_named_params(self) -> Iterator[tuple[str, Any]]:
        """As TRL, but LoRA is added to copies: adding it to the weights and taking it off again rounds them."""
        from accelerate.utils import is_peft_model

        sharded = self._dist.is_fsdp or self._dist.is_zero3
        if not is_peft_model(self.model) or sharded:
            yield from super()._iter_named_params()
            return
        yield from merged_parameters(self.model)


def merged_parameters(model: Any) -> Iterator[tuple[str, Any]]:
    """(name in the base model, tensor with LoRA added) of a PEFT model, which is left as it is."""
    modules = dict(model.named_modules())
    for name, parameter in model.named_parameters():
        if model.prefix in name or "original_module" in name:  # the adapter's own, and what a trained copy replaces
            continue
        plain = (
            name.removeprefix("base_model.model.").replace(".base_layer", "").replace("modules_to_save.default.", "")
        )
        layer = modules.get(name.rpartition(".base_layer.")[0])
        value = parameter.data
        if layer is not None and name.endswith("base_layer.weight"):
            for adapter in layer.active_adapters:
                if adapter in getattr(layer, "lora_A", {}):
                    value = value + layer.get_delta_weight(adapter).to(value.dtype)
        yield plain, value
