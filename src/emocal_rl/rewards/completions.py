"""The text of a completion, which frameworks hand over as a string or as chat messages."""

from __future__ import annotations

from typing import Any


def text_of(completion: Any) -> str | None:
    """The completion's text, or None when there is none. Chat messages give the text of the assistant's last message.

    >>> text_of("a"), text_of([{"role": "assistant", "content": [{"type": "text", "text": "b"}]}]), text_of(3)
    ('a', 'b', None)
    """
    if isinstance(completion, str):
        return completion
    if isinstance(completion, dict):
        return _content(completion.get("content"))
    if not isinstance(completion, (list, tuple)):
        return None
    spoken = [
        message
        for message in completion
        if isinstance(message, dict) and message.get("role", "assistant") == "assistant"
    ]
    texts = [text for message in spoken if (text := _content(message.get("content"))) is not None]
    return texts[-1] if texts else None


def _content(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if not isinstance(content, (list, tuple)):
        return None
    texts = [part if isinstance(part, str) else part.get("text") for part in content if isinstance(part, (str, dict))]
    strings = [text for text in texts if isinstance(text, str)]
    return "".join(strings) if strings else None
