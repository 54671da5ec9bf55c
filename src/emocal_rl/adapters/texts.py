"""The text of a reply as frameworks decode it."""

from __future__ import annotations

import re

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
