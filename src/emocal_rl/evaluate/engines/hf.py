"""Transformers in this process: padded batches, on a small machine without a GPU one on every core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emocal_rl.evaluate.engines.core import Completion, Decoding, Request
from emocal_rl.evaluate.generate import completed, workers
from emocal_rl.models.load import image_token_ids, load, use_threads
from emocal_rl.rewards import Reply


class HfEngine:
    """A model loaded with transformers, on the GPU where there is one."""

    def __init__(self, model: str, batch_size: int = 64, options: Mapping[str, Any] | None = None) -> None:
        import torch
        import transformers

        transformers.logging.set_verbosity_error()  # our own progress says what is going on
        transformers.logging.disable_progress_bar()
        use_threads("auto")
        self.model, self.batch_size, self._options = model, batch_size, dict(options or {})
        self._model, self._processor = load(model)
        self._model.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def complete(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Batches of rows in order; sampling is seeded anew for every batch, by its first row."""
        if not requests:
            return
        options = self._generation(decoding)
        at_once = workers(self._model, options)
        size = max(1, min(self.batch_size, -(-len(requests) // at_once)))
        batches = [requests[start : start + size] for start in range(0, len(requests), size)]
        written = completed(
            self._model,
            self._processor,
            ([request.row for request in batch] for batch in batches),
            requests[0].form,
            options,
            seeds=(batch[0].seed(decoding) for batch in batches),
            workers=at_once,
        )
        for batch, texts in zip(batches, written, strict=True):
            yield from (Completion(request, text) for request, text in zip(batch, texts, strict=True))

    @property
    def loaded(self) -> tuple[Any, Any]:
        """The model and its processor."""
        return self._model, self._processor

    def readouts(self, request: Request, reply: Reply) -> dict[str, float | None]:
        """What the model shows of its confidence without saying it; see `token_readouts`."""
        from emocal_rl.evaluate.token_readouts import token_readouts

        return token_readouts(self._model, self._processor, request, reply)

    def _generation(self, decoding: Decoding) -> dict[str, Any]:
        sampled = {"do_sample": True, "temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}
        return {
            "max_new_tokens": decoding.max_new_tokens,
            "suppress_tokens": image_token_ids(self._model, self._processor),
            **(sampled if decoding.temperature else {"do_sample": False}),
            **self._options,
        }

    def close(self) -> None:
        """Forget the model; its memory is free once nothing else holds it."""
        del self._model, self._processor
