"""Pieces of self-contained HTML. Every text that comes from outside is escaped here and nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape as _escape

STYLESHEET = """
:root { --ink:#1c2430; --muted:#5b6673; --rule:#e3e8ee; --wash:#f6f8fa; --before:#d55e00; --after:#0072b2; --bound:#00795a;
        --wrong:#b3261e; }
* { box-sizing:border-box; }
body { margin:0; background:#fff; color:var(--ink); font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
       "Helvetica Neue",Arial,"DejaVu Sans",sans-serif; }
main { max-width:1120px; margin:0 auto; padding:44px 28px 80px; }
.kicker { color:var(--muted); font-size:14px; letter-spacing:.02em; margin:0 0 10px; }
h1 { font-size:30px; line-height:1.28; font-weight:650; letter-spacing:-.012em; margin:0 0 22px; max-width:30em; text-wrap:balance; }
h2 { font-size:21px; font-weight:650; margin:56px 0 6px; padding-top:20px; border-top:1px solid var(--rule); }
h3 { font-size:16px; font-weight:650; margin:30px 0 8px; }
p, li { max-width:52em; } .lead { color:var(--muted); margin:0 0 16px; font-size:14.5px; }
ul.findings { padding-left:1.15em; margin:0; } ul.findings li { margin:0 0 7px; }
.note { background:#fff8ec; border-left:3px solid #e0a030; padding:10px 14px; margin:18px 0; font-size:14.5px; }
.note p { margin:0 0 4px; } .note p:last-child { margin:0; }
figure { margin:22px 0 0; } figure img { width:100%; height:auto; display:block; }
figure.narrow { display:inline-block; width:min(49%,520px); vertical-align:top; margin-right:1%; }
figcaption { color:var(--muted); font-size:13.5px; margin-top:8px; max-width:62em; }
.scroll { overflow-x:auto; } table { border-collapse:collapse; font-size:13.5px; font-variant-numeric:tabular-nums; width:100%; }
th { text-align:right; font-weight:600; padding:7px 8px; border-bottom:1.5px solid var(--ink); vertical-align:bottom; line-height:1.25; }
th:first-child, td:first-child { text-align:left; padding-left:10px; }
td { text-align:right; padding:6px 8px; border-bottom:1px solid var(--rule); vertical-align:top; white-space:nowrap; }
td small, th small { display:block; color:var(--muted); font-size:11px; font-weight:400; }
tr.before td:first-child { box-shadow:inset 4px 0 var(--before); } tr.after td:first-child { box-shadow:inset 4px 0 var(--after); }
tr.before td, tr.after td { background:var(--wash); font-weight:600; } tr.bound td:first-child { box-shadow:inset 4px 0 var(--bound); }
tr.posthoc td:first-child, tr.baseline td:first-child { padding-left:22px; color:var(--muted); }
td.better { color:#00608f; } td.worse { color:var(--wrong); }
.cards { display:grid; grid-template-columns:repeat(auto-fill,minmax(250px,1fr)); gap:16px; }
.card { border:1px solid var(--rule); border-radius:10px; padding:14px; font-size:13.5px; line-height:1.42; break-inside:avoid; }
.card header { display:flex; gap:14px; align-items:center; margin-bottom:10px; }
.card img, .card .blank { width:84px; height:84px; flex:none; border-radius:8px; background:var(--wash); object-fit:contain; }
.card .blank { display:flex; align-items:center; justify-content:center; color:var(--muted); font-size:11px; }
.card .answer { font-size:16px; font-weight:650; overflow-wrap:anywhere; } .card .says { color:var(--muted); }
.card .says b { color:var(--after); font-weight:650; } .card .says i { font-style:normal; color:var(--before); }
.verdict { font-size:12px; font-weight:600; } .verdict.yes { color:var(--bound); } .verdict.no { color:var(--wrong); }
.votes { display:flex; height:10px; border-radius:5px; overflow:hidden; margin:2px 0 4px; gap:1.5px; }
.votes span { display:block; height:100%; } .votes .v0 { background:#e69f00; } .votes .v1 { background:#56b4e9; }
.votes .v2 { background:#7a5195; } .votes .v3 { background:#8c8c8c; } .legend { color:var(--muted); font-size:12px; margin:0 0 9px; }
.key { display:inline-block; width:8px; height:8px; border-radius:2px; margin:0 4px 0 0; } .key.v0 { background:#e69f00; }
.key.v1 { background:#56b4e9; } .key.v2 { background:#7a5195; } .key.v3 { background:#8c8c8c; } .legend span + .key { margin-left:10px; }
dl.words { margin:0; } dl.words dt { color:var(--muted); font-size:11.5px; float:left; clear:left; width:78px; }
dl.words dd { margin:0 0 3px 84px; overflow-wrap:anywhere; } dl.words dd.plain { margin-left:0; white-space:pre-wrap; }
pre { background:var(--wash); border-radius:8px; padding:14px 16px; overflow-x:auto; font-size:12.5px; line-height:1.45; }
dl.facts { display:grid; grid-template-columns:max-content 1fr; gap:4px 18px; font-size:14px; margin:0 0 18px; }
dl.facts dt { color:var(--muted); } dl.facts dd { margin:0; overflow-wrap:anywhere; }
footer { color:var(--muted); font-size:13px; margin-top:56px; border-top:1px solid var(--rule); padding-top:16px; }
@media print { main { padding:0; } h2 { break-after:avoid; } }
@media (max-width:700px) { figure.narrow { width:100%; } h1 { font-size:24px; } main { padding:28px 16px 60px; } }
"""

_CONTROL = {c: "\ufffd" for c in (*range(0x00, 0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)}


def text(value: object) -> str:
    """Text made safe for HTML content and quoted attributes; control characters become a visible mark.

    >>> text("<script>'x'</script>")
    '&lt;script&gt;&#x27;x&#x27;&lt;/script&gt;'
    """
    return _escape(str(value).translate(_CONTROL), quote=True)


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


def figure(data: bytes | None, caption: str, narrow: bool = False) -> str:
    """A picture with a caption; nothing when there is no picture."""
    picture = image(data, caption)
    kind = ' class="narrow"' if narrow else ""
    return f"<figure{kind}>{picture}<figcaption>{text(caption)}</figcaption></figure>" if picture else ""


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
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLESHEET}</style></head>\n<body><main>{body}</main></body></html>\n'
