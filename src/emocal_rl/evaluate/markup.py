"""Pieces of self-contained HTML. Every text that comes from outside is escaped here and nowhere else."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from html import escape as _escape
from importlib import resources

STYLESHEET = resources.files("emocal_rl.evaluate").joinpath("report.css").read_text(encoding="utf-8")

_CONTROL = dict.fromkeys((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F), "\ufffd")


def text(value: object) -> str:
    """Text made safe for HTML content and quoted attributes; control characters become a visible mark.

    >>> text("<script>'x'</script>")
    '&lt;script&gt;&#x27;x&#x27;&lt;/script&gt;'
    """
    return _escape(str(value).translate(_CONTROL), quote=True)


def headline(value: str) -> str:
    """Escaped text whose bracketed intervals do not break across lines.

    >>> headline("a [1, 2] b").count("&nbsp;")
    1
    """
    return re.sub(r"\[[^\]]*\]", lambda m: m.group(0).replace(" ", "&nbsp;"), text(value))


def image(data: bytes | None, alt: str) -> str | None:
    """An inline picture, or None when the bytes are no PNG, JPEG, GIF or WebP."""
    kind = _image_type(data) if data else None
    if data is None or kind is None:
        return None
    return f'<img src="data:{kind};base64,{base64.b64encode(data).decode()}" alt="{text(alt)}">'


def _image_type(data: bytes) -> str | None:
    known = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in known.items() if data.startswith(magic)), None)


def figure(data: bytes | None, caption: str) -> str:
    """A picture with a caption; nothing when there is no picture."""
    picture = image(data, caption)
    return f"<figure>{picture}<figcaption>{text(caption)}</figcaption></figure>" if picture else ""


def paragraphs(lines: Iterable[str], kind: str) -> str:
    """A box of escaped paragraphs, or nothing without lines."""
    body = "".join(f"<p>{text(line)}</p>" for line in lines)
    return f'<div class="{kind}">{body}</div>' if body else ""


def document(title: str, body: str) -> str:
    """A whole page that loads nothing and runs nothing."""
    # The policy makes "nothing" binding for the browser, should an escape ever be missing.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{text(title)}</title>'
    )
    style = f"<style>{STYLESHEET}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}{style}</head>\n<body><main>{body}</main></body></html>\n'
