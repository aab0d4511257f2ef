"""One look for all pictures, and their way into a page that may be light or dark."""

from __future__ import annotations

import io
import re
from threading import Lock
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#23262c", "#6d737d", "#e3e5e9", "#fefefd"
#: Okabe & Ito's colours, told apart by colour-blind readers too.
BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#d8c92f",
)
CYCLE = (BLUE, RED, GREEN, PINK, ORANGE, SKY, YELLOW, "#8c6bb1", "#8c564b", MUTED)
WIDTH = 5.0
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "card",
    BLUE: "blue",
    RED: "red",
    GREEN: "green",
    ORANGE: "orange",
}
_SIZE = 9.5
_LOCK = Lock()


def new_figure(height: float = 3.2, width: float = WIDTH) -> Figure:
    """Return a figure that belongs to no window and no global state; sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=144, layout="constrained", facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def sequence() -> Colormap:
    """Return the colours of an ordered quantity: from blue over grey to orange, visible on light and dark."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("diabolo", [BLUE, "#93a4ae", ORANGE])


def tidy(axes: Axes, x: str = "", y: str = "", title: str = "") -> Axes:
    """Give axes the house's look: two thin spines, a light grid, small labels."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=GRID, linewidth=1)
    axes.tick_params(colors=MUTED, labelsize=_SIZE - 1, length=0, pad=4)
    axes.tick_params(which="minor", labelsize=_SIZE - 2)
    axes.grid(True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_facecolor("none")
    axes.set_xlabel(x, color=MUTED, fontsize=_SIZE)
    axes.set_ylabel(y, color=MUTED, fontsize=_SIZE)
    if title:
        axes.set_title(title, color=INK, fontsize=_SIZE + 0.5, loc="left", pad=7)
    return axes


def bare(axes: Axes, title: str = "") -> Axes:
    """Leave only what is drawn inside the axes."""
    axes.set_axis_off()
    if title:
        axes.set_title(title, color=INK, fontsize=_SIZE + 0.5, loc="left", pad=7)
    return axes


def legend(axes: Axes | Figure, **more: Any) -> None:
    """Add a legend without a frame, to axes or to a whole figure."""
    options: dict[str, Any] = {
        "frameon": False,
        "fontsize": _SIZE - 0.5,
        "labelcolor": INK,
        "handlelength": 1.4,
        **more,
    }
    axes.legend(**options)


def write(axes: Axes, x: float, y: float, text: str, **more: Any) -> None:
    """Put a small label into axes."""
    options: dict[str, Any] = {"color": MUTED, "fontsize": _SIZE - 0.5, "parse_math": False, **more}
    axes.text(x, y, text, **options)


def to_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element for a page: text as text, colours as the page's variables.

    Matplotlib's settings for that hold for this one drawing only and are put back behind it.
    """
    from matplotlib import rc_context

    file = io.StringIO()
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "svg.image_inline": True,
        "image.composite_image": False,
        "figure.autolayout": False,
        "figure.constrained_layout.use": False,
    }
    with _LOCK, rc_context(settings):
        engine = figure.get_layout_engine()
        if engine is not None:  # once, here: saving would lay everything out and draw it twice
            engine.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        if engine is not None:
            figure.set_layout_engine(engine)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.S)
    svg = _own_identifiers(svg, name)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r' xmlns(?::xlink)?="[^"]*"| version="[\d.]+"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r"\*\{stroke-linejoin[^}]*\}", "", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg.replace("<svg", f'<svg role="img" aria-label="{name}"', 1).strip()


def _own_identifiers(svg: str, name: str) -> str:
    """Keep the identifiers that something refers to, marked as this drawing's own; two on a page must not meet."""
    used = {a or b for a, b in re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)}
    own = f"d{crc32(name.encode()):08x}-"
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{own}{m[1]}"' if m[1] in used else "", svg)
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{own}", svg)
