"""The gallery of a report: pictures with the model's words, answer and confidence beside the people's votes."""

from __future__ import annotations

from collections.abc import Callable

from emocal_rl.evaluate.findings import percent
from emocal_rl.evaluate.gallery import RULES, Card, Gallery, words
from emocal_rl.evaluate.markup import image, text

Pictures = Callable[[str], bytes | None]


def gallery_section(shown: Gallery, pictures: Pictures) -> str:
    """All cards in their groups, each group with the rule that chose it; nothing without cards."""
    if not shown.cards:
        return ""
    lead = f"From {shown.split}, chosen by fixed rules. The bar is how the annotators voted."
    parts = [f'<h2>Pictures, words, votes</h2><p class="lead">{text(lead)}</p>']
    titles = {"right": "Right", "wrong": "Wrong", "improved": "Most improved"}
    for group, rule in RULES.items():
        cards = "".join(_card(c, pictures) for c in shown.cards if c.group == group)
        if cards:
            parts.append(f'<h3>{titles[group]}</h3><p class="lead">{text(rule)}</p><div class="cards">{cards}</div>')
    return "".join(parts)


def _card(card: Card, pictures: Pictures) -> str:
    row = card.after
    picture = image(pictures(row.id), f"picture {row.id}") or '<div class="blank">no picture</div>'
    answer = text(row.answer) if row.answer is not None else f"unreadable ({text(row.fault)})"
    head = f'<div><div class="answer">{answer}</div>{_says(card)}{_agreement(card)}</div>'
    return f'<article class="card"><header>{picture}{head}</header>{_votes(card)}{_words(card)}</article>'


def _agreement(card: Card) -> str:
    row, total = card.after, sum(card.after.votes)
    if row.answer is None:
        return ""
    known = total and len(row.votes) == len(row.candidates) and row.answer in row.candidates
    share = percent(row.correct, 0) + " right"
    if known:
        share = f"{row.votes[row.candidates.index(row.answer)]:g} of {total:g} people agree"
    return f'<div class="verdict {"yes" if row.correct >= 0.5 else "no"}">{text(share)}</div>'


def _says(card: Card) -> str:
    now = "–" if card.after.confidence is None else percent(card.after.confidence, 0)
    line = f'<div class="says"><b>{now}</b> sure</div>'
    if card.before is None or card.before.confidence is None:
        return line
    changed = card.before.answer != card.after.answer
    said = f"{text(card.before.answer)}, " if changed else ""
    return f'{line}<div class="says">before: {said}<i>{percent(card.before.confidence, 0)}</i></div>'


def _votes(card: Card) -> str:
    row, total = card.after, sum(card.after.votes)
    if not total or len(row.votes) != len(row.candidates):
        return ""
    bar = "".join(f'<span class="v{i % 4}" style="flex:{v:g}"></span>' for i, v in enumerate(row.votes) if v)
    named = "".join(
        f'<i class="key v{i % 4}"></i><span>{text(c)} {v:g}</span>'
        for i, (c, v) in enumerate(zip(row.candidates, row.votes, strict=True))
    )
    return f'<div class="votes">{bar}</div><p class="legend">{named}</p>'


def _words(card: Card) -> str:
    def part(tag: str, content: str) -> str:
        return f"<dt>{text(tag)}</dt><dd>{text(content)}</dd>" if tag else f'<dd class="plain">{text(content)}</dd>'

    return f'<dl class="words">{"".join(part(*w) for w in words(card.text))}</dl>'
