"""Confidences that a model shows without saying them: how probable its own answer and its own digits were to it.

One forward pass over the finished reply, so it works on the completions of any engine, given the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import digits
from typing import Any

from emocal_rl.evaluate.engines.core import Request
from emocal_rl.evaluate.generate import inputs_of
from emocal_rl.models.load import sees, tokenizer_of
from emocal_rl.rewards.formats.reply import Reply, Span

ANSWER, EXPECTED = "answer_probability", "expected_confidence"


def token_readouts(model: Any, processor: Any, request: Request, reply: Reply) -> dict[str, float | None]:
    """``answer_probability``: of the answer's tokens, given the picture, the question and the reasoning before them.
    ``expected_confidence``: the stated decimal with every digit after the point replaced by its mean under the model,
    each given the digits that were written before it. Both in [0, 1]; None where the reply has no such span.
    """
    if reply.fault or reply.answer_span is None:
        return {ANSWER: None, EXPECTED: None}
    logs, tokens, offsets = log_probabilities(model, processor, request, reply.text)
    return {
        ANSWER: answer_probability(logs, tokens, offsets, reply.answer_span),
        EXPECTED: expected_confidence(logs, tokenizer_of(processor), reply.text, offsets, reply.confidence_span),
    }


def log_probabilities(model: Any, processor: Any, request: Request, text: str) -> tuple[Any, list[int], list[Span]]:
    """Log-probabilities (T, vocabulary) at every token of the reply given all before it; the tokens; where they stand.

    The reply is cut into tokens anew, which for what the model wrote itself is nearly always the same cut.
    """
    import torch

    inputs = inputs_of(model, processor, [request.row], request.form)
    cut = tokenizer_of(processor)(text, add_special_tokens=False, return_offsets_mapping=True)
    start = inputs["input_ids"].shape[1]
    with torch.inference_mode():
        logits = model(**_followed_by(inputs, [cut["input_ids"]])).logits[0, start - 1 : -1]
    return logits.float().log_softmax(-1), cut["input_ids"], [(int(a), int(b)) for a, b in cut["offset_mapping"]]


def next_log_probabilities(
    model: Any, processor: Any, requests: Sequence[Request], begun: Sequence[Sequence[int]]
) -> Any:
    """Log-probabilities (B, vocabulary) of the token that follows each reply begun, given as tokens; one forward pass.

    The requests share a format.
    """
    import torch

    inputs = inputs_of(model, processor, [request.row for request in requests], requests[0].form)
    grown = _followed_by(inputs, begun, tokenizer_of(processor).pad_token_id or 0)
    if not sees(processor):  # models with eyes count their positions themselves, some in three dimensions
        grown["position_ids"] = (grown["attention_mask"].cumsum(-1) - 1).clamp(min=0)
    with torch.inference_mode():
        return model(**grown, logits_to_keep=1).logits[:, -1].float().log_softmax(-1)


def _followed_by(inputs: Any, replies: Sequence[Sequence[int]], padding: int = 0) -> dict[str, Any]:
    """The inputs of prompts with each one's tokens behind; whatever else goes by token (masks, kinds) grows along.

    Shorter replies are filled with `padding` in front of the prompt, so that all end in the same column.
    """
    import torch

    shape, grown = inputs["input_ids"].shape, dict(inputs)
    room = max(map(len, replies))
    for name, value in inputs.items():
        if getattr(value, "shape", None) == shape:
            front = padding if name == "input_ids" else 0
            rows = [
                [front] * (room - len(tokens))
                + row
                + (list(tokens) if name == "input_ids" else [int(name == "attention_mask")] * len(tokens))
                for row, tokens in zip(value.tolist(), replies, strict=True)
            ]
            grown[name] = torch.tensor(rows, dtype=value.dtype, device=value.device)
    return grown


def answer_probability(logs: Any, tokens: Sequence[int], offsets: Sequence[Span], span: Span) -> float | None:
    """The probability of the tokens that overlap the span, or None when there are none."""
    at = [k for k, (a, b) in enumerate(offsets) if a < span[1] and b > span[0]]
    return float(sum(logs[k, tokens[k]] for k in at).exp()) if at else None


def expected_confidence(
    logs: Any, tokenizer: Any, text: str, offsets: Sequence[Span], span: Span | None
) -> float | None:
    """The mean decimal, in [0, 1); None unless the span holds "0." and digits, one token each."""
    if span is None:
        return None
    at = [k for k, (a, b) in enumerate(offsets) if a >= span[0] and b <= span[1] and text[a:b].strip()]
    written = [text[slice(*offsets[k])].strip() for k in at]
    if written[:2] != ["0", "."] or not all(digit in tuple(digits) for digit in written[2:]):
        return None
    ids = tokenizer.convert_tokens_to_ids(list(digits))
    chances = (logs[k, ids].softmax(-1).tolist() for k in at[2:])
    means = (sum(digit * chance for digit, chance in enumerate(row)) for row in chances)
    return float(sum(mean / 10 ** (place + 1) for place, mean in enumerate(means)))
