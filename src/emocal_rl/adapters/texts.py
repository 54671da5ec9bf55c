"""The text of a reply as frameworks decode it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from emocal_rl.rewards.completions import text_of

_END = re.compile(
    r"(?:\s+|<\|[^<>|\s]{1,40}\|>|<｜[^<>｜\s]{1,40}｜>|</?s>|<eos>|<pad>|<end_of_turn>|<end_of_utterance>|\[/?INST\])\Z"
)
_LONGEST = 60


def without_end_tokens(text: str) -> str:
    """The text without the white space and end-of-turn tokens at its end, which some frameworks leave in.

    Linear in the length of the text.

    >>> without_end_tokens("Answer: joy<|im_end|>\\n<|endoftext|>")
    'Answer: joy'
    """
    end = len(text)
    while found := _END.search(text, max(0, end - _LONGEST), end):
        end = found.start()
    return text[:end]


def whole_text(completion: Any) -> str | None:
    """The text of a completion, with its reasoning in `<think>` again where a framework has cut it out (tinker, vLLM).

    >>> whole_text([{"role": "assistant", "reasoning_content": "a smile", "content": "<answer>joy</answer>"}])
    '<think>a smile</think><answer>joy</answer>'
    """
    text, thought = text_of(completion), _reasoning(_last(completion))
    return f"<think>{thought}</think>{text or ''}" if thought and "<think>" not in (text or "") else text


def _last(completion: Any) -> Mapping[str, Any]:
    messages = completion if isinstance(completion, (list, tuple)) else [completion]
    spoken = [one for one in messages if isinstance(one, dict) and one.get("role", "assistant") == "assistant"]
    return spoken[-1] if spoken else {}


def _reasoning(message: Mapping[str, Any]) -> str:
    given = next((message[key] for key in ("reasoning_content", "reasoning", "thinking") if message.get(key)), None)
    parts = message.get("content")
    if given is None and isinstance(parts, (list, tuple)):
        thoughts = [part.get("thinking") for part in parts if isinstance(part, dict) and part.get("type") == "thinking"]
        given = "".join(thought for thought in thoughts if isinstance(thought, str))
    return given if isinstance(given, str) else ""
