"""The shell of the report's page: escaping, tables and the style sheet."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from unicodedata import category

# Nothing may be fetched, no script may run.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


JOINERS = "\u200c\u200d"  # Persian words and many emoji need them


def text(raw: str) -> str:
    """Escape text for HTML and XML, with whatever cannot be seen made visible."""
    return html.escape("".join(map(visible, raw)))


def visible(character: str) -> str:
    """A character as it may be shown: controls and direction overrides as a symbol or a code."""
    code = ord(character)
    if character.isprintable() or character in JOINERS or category(character) == "Zs":
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    return f"\u27e8U+{code:04X}\u27e9"


def name(raw: str) -> str:
    """Somebody's text, kept from turning the direction of what stands beside it."""
    return f"<bdi>{text(raw)}</bdi>" if raw.strip() else '<span class="muted">(none)</span>'


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table that scrolls sideways by itself; the first cell of a row is its head.

    Args:
        caption: Text, escaped here.
        heads: HTML of the column heads.
        rows: HTML of the cells.
        kind: Class of the table.
    """
    head = "".join(f'<th scope="col">{cell}</th>' for cell in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(map(cell_html, rest))}</tr>\n'
        for first, *rest in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{text(caption)}">'
        f'<table class="{kind}"><caption><span>{text(caption)}</span></caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )


def cell_html(content: str) -> str:
    """A table cell; content that is one already, with attributes of its own, stays."""
    return content if content.startswith("<td") else f"<td>{content}</td>"


def details(summary: str, content: str) -> str:
    """Something that is folded away until it is asked for."""
    return f"<details><summary>{text(summary)}</summary>\n{content}</details>\n"


def section(ident: str, heading: str, *content: str) -> str:
    """A part of the page with its heading."""
    inner = "".join(content)
    return (
        f'<section id="{ident}" aria-labelledby="{ident}-h">\n'
        f'<h2 id="{ident}-h">{text(heading)}</h2>\n{inner}</section>\n'
    )


def document(title: str, body: str) -> str:
    """The whole page."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}</main>
</body>
</html>
"""


# Blue and orange of Okabe & Ito, which every kind of colour vision tells apart.
STYLE = """
:root { --paper: #fff; --ink: #1a1f26; --muted: #586271; --line: #dbe1e7; --soft: #f3f5f8;
  --accent: #0072b2; --heat: 0 114 178; --most: .75; --mark: #b34700; color-scheme: light dark; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #12161b; --ink: #e8ecf1; --muted: #9ba7b5; --line: #2d3640; --soft: #1b2129;
    --accent: #56b4e9; --heat: 86 180 233; --most: .5; --mark: #f0a050; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui,
  -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 3rem 1rem 4rem; }
section { margin-top: 3.5rem; }
h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
h1 { margin: 0; font-size: .9375rem; font-weight: 600; color: var(--accent); }
h2 { margin: 0 0 .75rem; padding-top: 1.25rem; border-top: 1px solid var(--line);
  font-size: 1.375rem; font-weight: 650; letter-spacing: -.01em; }
h3 { margin: 0 0 .5rem; font-size: 1rem; }
p { margin: 0 0 1rem; max-width: 42rem; }
.lead { margin: .75rem 0 1.25rem; max-width: 50rem; font-size: clamp(1.375rem, 3vw, 1.875rem);
  line-height: 1.3; font-weight: 600; letter-spacing: -.015em; text-wrap: pretty; }
.muted, .note, caption, dt, .path, .facts { color: var(--muted); }
.note, .facts, .path { font-size: .875rem; }
.warning { margin-top: 1rem; padding: .625rem 1rem; border-left: 3px solid var(--mark);
  background: var(--soft); }
.answer { font-size: 1.125rem; }
bdi, .path, td { overflow-wrap: anywhere; }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.facts { display: flex; flex-wrap: wrap; gap: .125rem 1.25rem; margin: 0; padding: 0;
  list-style: none; }

dl { display: grid; margin: 0; }
dd { margin: 0; }
.large { grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 2rem; }
.large dt { font-weight: 600; color: var(--ink); }
.large .figure { font-size: 3rem; line-height: 1.15; font-weight: 650; letter-spacing: -.03em; }
.small { grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1.5rem 2rem;
  margin-top: 2.25rem; }
.small dt { font-size: .875rem; }
.small .figure { font-size: 1.375rem; font-weight: 600; }
.figure, td, .pc { font-variant-numeric: tabular-nums lining-nums; }
dd.note { line-height: 1.4; }
.plain { grid-template-columns: minmax(7rem, max-content) 1fr; gap: .25rem 1.5rem;
  margin-bottom: 1.25rem; }

.scroll { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; font-size: .9375rem; }
caption { text-align: left; font-size: .875rem; padding-bottom: .5rem; caption-side: top; }
th, td { padding: .4375rem .75rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 500; }
thead th { font-size: .8125rem; color: var(--muted); vertical-align: bottom; }
tr > th:first-child { text-align: left; padding-left: 0; min-width: 7rem; max-width: 16rem; }
.genres { width: 100%; }
.genres td { white-space: nowrap; }
.genres tr > :nth-child(n + 4) { text-align: left; padding-left: 1.5rem; }
.pc { display: inline-block; min-width: 2.875em; text-align: right; }
.bar { display: inline-block; width: clamp(2.5rem, 7vw, 6rem); height: .5rem; margin-left: .625rem;
  background: var(--soft); border-radius: 2px; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--accent); }
.words tr > :last-child { text-align: left; }
caption span { position: sticky; left: 0; display: inline-block; max-width: calc(100vw - 2rem); }
.heat { border-collapse: separate; border-spacing: 2px; }
.heat th, .heat td { border: 0; padding: .25rem .375rem; }
.heat td { min-width: 2.25rem; height: 2.25rem; text-align: center; border-radius: 3px;
  --shade: rgb(var(--heat) / calc(var(--v, 0) * var(--most)));
  background: linear-gradient(var(--shade), var(--shade)) var(--soft); }
.heat td.none { color: var(--muted); }
.heat td.right { outline: 2px solid var(--ink); outline-offset: -2px; font-weight: 650; }
.roomy td { min-width: 3.75rem; }
.heat tr > th:first-child { position: sticky; left: 0; background: var(--paper); min-width: 0;
  padding-right: .75rem; white-space: nowrap; }
.heat tbody bdi { display: block; max-width: 8rem; overflow: hidden; text-overflow: ellipsis; }
.heat thead th + th { padding: .25rem 0; text-align: center; }
.turned { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg);
  max-height: 10rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }

.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
  gap: 2.5rem 3rem; }
.pair > * { min-width: 0; }
svg { display: block; width: 100%; height: auto; }
svg.chart { max-width: 31rem; margin: .5rem 0 .75rem; }
svg text { font-size: 11px; fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .label { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--paper);
  stroke-width: 4px; stroke-linejoin: round; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis, svg .guide { stroke: var(--muted); stroke-width: 1; fill: none; }
svg .guide { stroke-dasharray: 4 3; }
svg .line { stroke: var(--accent); stroke-width: 2; fill: none; stroke-linejoin: round; }
svg .band { fill: var(--accent); fill-opacity: .2; }
svg .dot { fill: var(--accent); stroke: var(--paper); stroke-width: 1.5; }
svg .chosen { fill: var(--mark); stroke: var(--paper); stroke-width: 1.5; }
svg .drop { stroke: var(--mark); stroke-width: 1.5; stroke-dasharray: 2 3; }
svg .track { fill: var(--line); }
.strip .band { fill-opacity: .4; }

details { margin: 0 0 1rem; }
summary { cursor: pointer; color: var(--accent); font-size: .875rem; margin-bottom: .5rem; }
.mistakes { list-style: none; margin: 0; padding: 0; }
.mistakes li { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 23rem);
  gap: .25rem 2rem; padding: .75rem 0; border-bottom: 1px solid var(--line); }
.mistakes strong { font-weight: 600; }
.mistakes .path { font-size: .8125rem; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
@media (max-width: 40rem) {
  main { padding-top: 1.5rem; }
  section { margin-top: 2.5rem; }
  .mistakes li { grid-template-columns: minmax(0, 1fr); }
  .genres { font-size: .8125rem; }
  .genres thead th { font-size: .75rem; }
  .genres tr > :nth-child(n + 2) { padding: .375rem .25rem; text-align: right; }
  .genres tr > th:first-child { min-width: 4.5rem; padding-right: .25rem; }
  .genres .bar { display: block; width: 100%; margin: .125rem 0 0; height: .25rem; }
  .genres .pc { min-width: 0; }
  .plain { grid-template-columns: 1fr; gap: 0; }
  .plain dd { margin-bottom: .625rem; }
}
@media print {
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  html { font-size: 9.5pt; }
  main { max-width: none; padding: 0; }
  section { margin-top: 1.5rem; }
  h2, h3, caption { break-after: avoid; }
  .large { grid-template-columns: repeat(3, 1fr); }
  .pair { grid-template-columns: 1fr 1fr; }
  svg, tr, li, dl > div, .roomy { break-inside: avoid; }
  .scroll { overflow: visible; }
  .heat { font-size: 8pt; }
  summary { display: none; }
}
"""
