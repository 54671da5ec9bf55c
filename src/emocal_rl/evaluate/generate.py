"""Generation: rows in, completions and scored records out."""

from __future__ import annotations

import copy
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from queue import SimpleQueue
from typing import Any

from emocal_rl.adapters.settings import by_row
from emocal_rl.data import Row
from emocal_rl.data.pictures import decoded
from emocal_rl.data.prompts import chat, question
from emocal_rl.models.load import SMALL, image_token_ids, sees, tokenizer_of
from emocal_rl.progress import stage_progress
from emocal_rl.rewards import Format, Reward
from emocal_rl.rewards.formats import find_format


def complete(
    model: Any,
    processor: Any,
    rows: Sequence[Row],
    form: Format,
    *,
    batch_size: int = 64,
    temperature: float = 0.0,
    seed: int = 0,
    max_new_tokens: int = 96,
    label: str = "generate",
) -> list[str]:
    """One completion a row from a transformers model; greedy at temperature 0, else sampled with the seed."""
    model.eval()
    options: dict[str, Any] = {"max_new_tokens": max_new_tokens, "suppress_tokens": image_token_ids(model, processor)}
    options |= {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    seeds = [seed, *[None] * len(batches)][: len(batches)]
    texts: list[str] = []
    with stage_progress(label, len(rows), "generate") as tick:
        for written in completed(
            model, processor, batches, form, options, seeds=seeds, workers=workers(model, options)
        ):
            texts += written
            tick(len(texts))
    return texts


def complete_batch(model: Any, processor: Any, rows: Sequence[Row], form: Format, options: dict[str, Any]) -> list[str]:
    """The completions of one batch, prompts padded on the left."""
    inputs = inputs_of(model, processor, rows, form)
    written = model.generate(**inputs, **options)[:, inputs["input_ids"].shape[1] :]
    return list(tokenizer_of(processor).batch_decode(written, skip_special_tokens=True))


def completed(
    model: Any,
    processor: Any,
    batches: Iterable[Sequence[Row]],
    form: Format,
    options: dict[str, Any],
    *,
    seeds: Iterable[int | None],
    workers: int = 1,
) -> Iterator[list[str]]:
    """The completions of every batch, in order; prompts and pictures of the next are made ready meanwhile.

    seeds: of what is sampled, one a batch; None goes on where the batch before stopped. workers: batches at a time,
    each on a core of its own; what is sampled needs one, as there is one source of random numbers.
    """
    tokenizer, waiting = tokenizer_of(processor), deque[Future[Any]]()
    writers = Writers(model, options, workers)
    try:
        for rows, seed in zip(batches, seeds, strict=True):
            waiting.append(writers.start(inputs_of(model, processor, rows, form), seed))
            if len(waiting) > workers:
                yield list(tokenizer.batch_decode(waiting.popleft().result(), skip_special_tokens=True))
        while waiting:
            yield list(tokenizer.batch_decode(waiting.popleft().result(), skip_special_tokens=True))
    finally:
        writers.close()


class Writers:
    """Threads that complete batches, each with a twin of the model; torch lets go of Python's lock while it works."""

    def __init__(self, model: Any, options: dict[str, Any], workers: int) -> None:
        import torch

        self._options, self._stop = options, threading.Event()
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for one in (model, *(twin(model) for _ in range(workers - 1))):
            self._idle.put(one)
        self._pool = ThreadPoolExecutor(workers, "generate", torch.set_num_threads, (torch.get_num_threads(),))

    def start(self, inputs: Any, seed: int | None) -> Future[Any]:
        """What will be the tokens after the prompts, (batch, length)."""
        return self._pool.submit(self._write, inputs, seed)

    def _write(self, inputs: Any, seed: int | None) -> Any:
        import torch

        model = self._idle.get()
        try:
            if seed is not None:
                torch.manual_seed(seed)
            with torch.inference_mode():
                written = model.generate(**inputs, **self._options, stopping_criteria=[self._stopped])
        finally:
            self._idle.put(model)
        return written[:, inputs["input_ids"].shape[1] :]

    def _stopped(self, tokens: Any, *_: Any, **__: Any) -> Any:
        import torch

        return torch.full((tokens.shape[0],), self._stop.is_set(), device=tokens.device)

    def close(self) -> None:
        """End: batches that are under way stop at their next token, so that nobody waits for them after Ctrl-C."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)


def workers(model: Any, options: Mapping[str, Any]) -> int:
    """Batches at a time: on a small machine torch has one thread, and the other cores have nothing to do.

    Several threads inside torch wait for the slowest at every operation; batches do not wait for each other.
    OMP_NUM_THREADS limits them, as it limits torch's.  What is sampled has one source of random numbers: one at a time.
    """
    import torch

    if options["do_sample"] or model.device.type != "cpu" or torch.get_num_threads() > 1:
        return 1
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(os.cpu_count() or 1, int(allowed) if allowed.isdigit() else SMALL) or 1


def twin(model: Any) -> Any:
    """A copy of a model on the same weights: a model keeps notes of its batch, which threads must not share."""
    weights = chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(weight): weight for weight in weights})


def inputs_of(model: Any, processor: Any, rows: Sequence[Row], form: Format) -> Any:
    """What the model reads for these rows: the prompts in its chat template, and the pictures if it takes any."""
    rows = decoded(rows) if sees(processor) else rows
    prompts = [prompt_text(processor, row, form) for row in rows]
    if not sees(processor):
        return processor(text=prompts, return_tensors="pt", padding=True).to(model.device)
    pictures = [[row.image] for row in rows if row.source is not None] or None
    return processor(text=prompts, images=pictures, return_tensors="pt", padding=True).to(model.device, model.dtype)


def prompt_text(processor: Any, row: Row, form: Format) -> str:
    """One prompt in the chat template; templates of models without eyes want the content as one text."""
    messages = chat(row, form) if sees(processor) else [{"role": "user", "content": question(row, form)}]
    return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def measuring(form: str, grader: Any) -> Reward:
    """The Reward that evaluations score with: correctness, and the Brier score where the format states a confidence."""
    silent = find_format(form).states == "nothing"
    return Reward({"correct": 1.0} if silent else {"correct": 1.0, "brier": 0.0}, format=form, grader=grader or by_row)


def records(rows: Sequence[Row], texts: Sequence[str], reward: Reward, stage: str, split: str) -> list[dict[str, Any]]:
    """Scored rows of an evaluation, ready for a records file."""
    targets = [row.target() for row in rows]
    keys = ({"id": row.id, "stage": stage, "split": split, "cluster": row.cluster, **row.target()} for row in rows)
    return [key | scored.record() for key, scored in zip(keys, reward(texts, targets), strict=True)]
