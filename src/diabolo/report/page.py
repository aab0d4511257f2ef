"""The page around the pictures: plain HTML, everything inside one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from diabolo.report.numbers import Number
from diabolo.report.sections import Section, Slider
from diabolo.report.style import to_svg


def render(
    *,
    title: str,
    lead: str,
    drawing: str,
    numbers: Sequence[Number],
    notes: Sequence[str],
    sections: Iterable[Section],
    tables: Iterable[tuple[str, Sequence[tuple[str, str]], bool]],
    footer: str,
) -> str:
    """Return the whole page.

    Parameters
    ----------
    title, footer : str
        Text; escaped here.
    lead, drawing : str
        HTML.
    numbers : sequence of Number
        The head's numbers; escaped here.
    notes : sequence of str
        Text; escaped here.
    sections : iterable of Section
        Pictures.
    tables : iterable of (title, rows of (name, value), whether values are sentences)
        Text; escaped here.
    footer : str
        Text.
    """
    css = files("diabolo.report").joinpath("page.css").read_text(encoding="utf-8")
    body = [
        f"<header><div><div class='top'><div class='words'><h1>{escape(title)}</h1><p class='lead'>{lead}</p></div>",
        f"{drawing}</div>",
        "<dl class='numbers'>",
        *(_number(number) for number in numbers),
        "</dl>",
        *(f"<p class='note'>{escape(note)}</p>" for note in notes),
        "</div></header><main>",
        *(_section(section, i) for i, section in enumerate(sections)),
        "<section><h2>How it was made</h2><div class='panels'>",
        *(_table(*table) for table in tables),
        f"</div></section></main><footer>{escape(footer)}</footer>",
    ]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{css}</style></head><body>"
        + "\n".join(body)
        + "</body></html>\n"
    )


def diabolo_drawing(n_values: str, n_components: int) -> str:
    """Return the drawing of the network as a diabolo: wide, narrow, wide.

    Parameters
    ----------
    n_values : str
        What goes in and comes out, e.g. ``8 × 8``.
    n_components : int
        What passes through the neck.
    """
    codes = "1 number" if n_components == 1 else f"{n_components} numbers"
    return f"""<svg class='diabolo' viewBox='0 0 330 138' role='img' aria-label='From {escape(n_values)} values through {codes} and back'>
<path class='body' d='M28 12 L28 100 L158 66 L158 46 Z' stroke-linejoin='round'/>
<path class='body' d='M302 12 L302 100 L172 66 L172 46 Z' stroke-linejoin='round'/>
<path class='neck' d='M165 44 V68'/>
<text x='84' y='60'>encoder</text><text x='246' y='60'>decoder</text>
<text class='strong' x='42' y='124'>{escape(n_values)}</text><text class='strong' x='165' y='94'>{codes}</text>
<text class='strong' x='288' y='124'>{escape(n_values)}</text></svg>"""


def _number(number: Number) -> str:
    name, value, unit = (escape(text) for text in number)
    return (
        f"<div><dt>{name}</dt><dd><div class='value'>{value}</div><div class='unit'>{unit}</div></dd></div>"
    )


def _section(section: Section, position: int) -> str:
    panels = []
    for i, panel in enumerate(section.panels):
        # the name salts the identifiers inside the drawing: no two on a page are alike
        name = f"{panel.title} ({position + 1}.{i + 1})"
        drawing = _slides(panel, name) if isinstance(panel, Slider) else to_svg(panel.figure, name)
        panels.append(
            f"<figure><h3>{panel.title}</h3>{drawing}<figcaption>{panel.caption}</figcaption></figure>"
        )
    formula = f"<p class='formula'>{section.formula}</p>" if section.formula else ""
    return f"<section><h2>{section.title}</h2>{formula}<div class='panels'>{''.join(panels)}</div></section>"


def _slides(slider: Slider, name: str) -> str:
    """Return a row of buttons, one for each step, and the drawings, which the style sheet shows one at a time."""
    buttons, drawings = [], []
    for i, (label, figures) in enumerate(slider.steps):
        mark = " checked" if i == slider.shown else ""
        buttons.append(
            f"<label><input type='radio' name='{escape(name)}'{mark}><span>{escape(label)}</span></label>"
        )
        at = f"{name}, {slider.name} = {label}"
        drawn = "".join(to_svg(figure, f"{at} ({j + 1})") for j, figure in enumerate(figures))
        drawings.append(f"<div><p>{escape(slider.name)} = {escape(label)}</p>{drawn}</div>")
    return (
        f"<div class='slider' role='radiogroup' aria-label='{escape(slider.name)}'>{''.join(buttons)}</div>"
        f"<div class='slides'>{''.join(drawings)}</div>"
    )


def _table(title: str, rows: Sequence[tuple[str, str]], words: bool) -> str:
    kind = " class='words'" if words else ""
    lines = "".join(f"<tr><th>{escape(name)}</th><td{kind}>{escape(value)}</td></tr>" for name, value in rows)
    return f"<figure><h3>{escape(title)}</h3><table>{lines}</table></figure>"
