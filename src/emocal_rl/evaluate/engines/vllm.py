"""vLLM in this process: continuous batching, the same prompts as transformers gets."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from emocal_rl.data import Row
from emocal_rl.data.pictures import decoded
from emocal_rl.data.prompts import chat
from emocal_rl.errors import UserError
from emocal_rl.evaluate.engines.core import Completion, Decoding, Request
from emocal_rl.models.load import image_token_ids
from emocal_rl.models.patches import idefics3_without_torchvision
from emocal_rl.models.sources import source
from emocal_rl.rewards import Format

FORBID = -100.0  # the strongest logit bias vLLM takes; rules a token out


class VllmEngine:
    """A model loaded with `vllm.LLM`; `options` are its arguments (max_model_len, dtype, tensor_parallel_size, ...)."""

    def __init__(self, model: str, batch_size: int = 256, options: Mapping[str, Any] | None = None) -> None:
        if importlib.util.find_spec("vllm") is None:
            raise UserError("--engine vllm: vLLM is not installed; pip install 'emocal-rl[vllm]', or use --engine hf")
        idefics3_without_torchvision()
        from transformers import AutoProcessor
        from vllm import LLM

        self.model, self.batch_size = model, batch_size
        path, given = source(model), {"limit_mm_per_prompt": {"image": 1}, **(options or {})}
        try:
            self._processor = AutoProcessor.from_pretrained(path)
            self._llm = LLM(model=path, **given)
        except (OSError, ValueError, TypeError) as problem:
            raise UserError(f"model {model}: {str(problem).strip().splitlines()[0]}") from problem
        except RuntimeError as problem:  # a process of vLLM ended; it said why itself
            raise UserError(
                f"--engine vllm: {str(problem).strip().splitlines()[0]} If that is about memory: --engine-option "
                "gpu_memory_utilization=0.5 takes half of it (without a GPU, half of the machine's)"
            ) from problem
        config = SimpleNamespace(config=self._llm.llm_engine.model_config.hf_config)
        self._forbidden = dict.fromkeys(image_token_ids(config, self._processor), FORBID)

    def complete(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """`batch_size` requests at a time, so that what is done is on the disk when the process dies."""
        for start in range(0, len(requests), self.batch_size):
            batch = requests[start : start + self.batch_size]
            parameters = [self._sampling(request, decoding) for request in batch]
            prompts = [self._prompt(row, r.form) for row, r in zip(decoded([r.row for r in batch]), batch, strict=True)]
            outputs = self._llm.generate(prompts, parameters, use_tqdm=False)
            yield from (Completion(r, out.outputs[0].text) for r, out in zip(batch, outputs, strict=True))

    def _prompt(self, row: Row, form: Format) -> dict[str, Any]:
        messages = chat(row, form)
        text = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return {"prompt": text, **({} if row.source is None else {"multi_modal_data": {"image": row.image}})}

    def _sampling(self, request: Request, decoding: Decoding) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            max_tokens=decoding.max_new_tokens,
            seed=request.seed(decoding),
            logit_bias=self._forbidden or None,
        )

    def close(self) -> None:
        """Forget the model; its memory is free once nothing else holds it."""
        del self._llm
