"""The report's page: style, tables and cards. Nothing is fetched: the file can be mailed and opened anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

STYLE = """
:root{--ink:#1c2733;--soft:#5b6b7b;--line:#dde3ea;--card:#f6f8fa;--page:#fff;--good:#17803d;--bad:#b42318;
--usage:#8aa0b5;--request:#17803d;--limit:#b42318;--other:#2563eb;--band:#f4b740}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa7b4;--line:#2d3742;--card:#161d25;--page:#0d1117;
--good:#4ac26b;--bad:#ff7b72;--usage:#5d7287;--request:#4ac26b;--limit:#ff7b72;--other:#79a8ff;--band:#b98a2a}}
*{box-sizing:border-box}body{margin:0 auto;padding:28px 24px 60px;max-width:1220px;background:var(--page);
color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:26px;line-height:1.3;margin:0;overflow-wrap:anywhere}
h2{font-size:19px;margin:38px 0 8px}p{margin:6px 0;color:var(--soft);max-width:80ch}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:14px;margin:22px 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.card b{display:block;font-size:26px;line-height:1.25}.card span{color:var(--soft);font-size:13px}
.good{color:var(--good)}.bad{color:var(--bad)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13.5px}
th,td{padding:5px 9px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{color:var(--soft);font-weight:600;vertical-align:bottom;white-space:normal}
th:first-child,td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:130px}
th.words,td.words{text-align:left}.told{white-space:normal;overflow-wrap:anywhere;min-width:260px}
.severe{color:var(--bad);font-weight:600}
tr.ours td{font-weight:600;background:var(--card)}
.curves{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(460px,100%),1fr));gap:18px}
figure{margin:0;border:1px solid var(--line);border-radius:10px;padding:10px 12px}
figcaption{font-size:13px;overflow-wrap:anywhere}figcaption i{color:var(--soft);font-style:normal;display:block}
.one{max-width:860px}
.ask{margin:14px 0;display:flex;flex-wrap:wrap;align-items:center;gap:6px 12px}.ask p{margin:0;flex-basis:100%}
.bars{display:grid;grid-template-columns:minmax(120px,26%) 1fr 74px;gap:5px 12px;align-items:center;font-size:13px}
.bars span{overflow-wrap:anywhere}.bars i{font-style:normal;text-align:right;white-space:nowrap;color:var(--soft)}
.bars svg{height:18px;border-radius:3px}
svg{width:100%;height:auto;display:block}svg text{font-size:10px;fill:var(--soft)}
.grid{stroke:var(--line);stroke-width:1}.usage{fill:var(--usage);opacity:.55}.band{fill:var(--band);stroke:var(--band);opacity:.45}
.request,.limit,.other{fill:none;stroke-width:1.7}.request{stroke:var(--request)}
.limit{stroke:var(--limit);stroke-dasharray:5 3}.other{stroke:var(--other);stroke-width:1.2;stroke-dasharray:2 2}
.kill{stroke:var(--limit);stroke-width:2;fill:none}.dot{fill:var(--usage)}.dot.ours{fill:var(--request)}
.who{display:flex;justify-content:flex-end;gap:12px;align-items:center;font-size:13px;color:var(--soft)}
button{font:inherit;padding:3px 12px;border:1px solid var(--line);border-radius:7px;background:var(--card);
color:var(--ink)}input[type=range]{vertical-align:middle;accent-color:var(--other);width:min(340px,60vw)}
input[type=password]{font:inherit;padding:4px 8px;width:min(420px,100%);border:1px solid var(--line);border-radius:7px;
background:var(--card);color:var(--ink)}a{color:var(--other)}
pre{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:7px;padding:8px 10px;
font-size:13px}
.legend{display:flex;flex-wrap:wrap;gap:18px;font-size:13px;color:var(--soft);margin:8px 0 14px}
.legend svg{width:26px;height:12px;display:inline-block;vertical-align:middle;margin-right:6px}
@media(max-width:640px){svg text{font-size:14px}.stacked th{display:none}
.stacked td{display:block;border:0;padding:1px 0;white-space:normal}.stacked tr{display:block;padding:8px 0;
border-bottom:1px solid var(--line)}.bars{grid-template-columns:1fr 64px}.bars span{grid-column:1/-1;margin-top:6px}}
"""


def page(title: str, body: Sequence[str]) -> str:
    """The whole file."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{chr(10).join(body)}\n</body></html>\n"
    )


def heading(text: str, *sentences: str) -> str:
    """A section's heading and what to know of it."""
    return f"<h2>{escape(text)}</h2>" + "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def card(value: str, words: str, mood: str = "") -> str:
    """A number that people remember."""
    return f'<div class="card"><b class="{mood}">{escape(value)}</b><span>{escape(words)}</span></div>'


class Ready(str):
    """A cell that is HTML already: whoever makes one has escaped what is in it."""

    __slots__ = ()


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], ours: str = "", words: Sequence[str] = ()) -> str:
    """A table; the row whose first cell is `ours` stands out, columns of these headings hold words, not figures.

    Where all do, a narrow screen shows the cells of a row one below the other.
    """
    stacked = " stacked" if len(words) == len(headings) else ""
    kinds = [' class="words"' if each in words else "" for each in headings]
    head = "".join(f"<th{kind}>{escape(each)}</th>" for each, kind in zip(headings, kinds, strict=True))
    lines = []
    for row in rows:
        cells = (cell if isinstance(cell, Ready) else escape(cell) for cell in row)
        made = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(cells, kinds, strict=True))
        lines.append(f"<tr{' class=ours' if row[0] == ours else ''}>{made}</tr>")
    return f'<div class="wide{stacked}"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def legend(kinds: Sequence[tuple[str, str]]) -> str:
    """What lines and areas mean: class and words."""
    marks = {
        "usage": '<rect class="usage" width="26" height="12"/>',
        "band": '<rect class="band" width="26" height="12"/>',
        "kill": '<path class="kill" d="M9,2l8,8m0,-8l-8,8"/>',
    }
    made = []
    for kind, words in kinds:
        mark = marks.get(kind, f'<path class="{kind}" d="M0,6H26"/>')
        made.append(f'<span><svg viewBox="0 0 26 12" aria-hidden="true">{mark}</svg>{escape(words)}</span>')
    return f'<div class="legend">{"".join(made)}</div>'
