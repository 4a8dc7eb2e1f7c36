"""A scene as SVG: text stays text, each as long as its scene has it in any font; light or dark like the system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import html
from shapecalc.renderers.pictures.letters import FONTS
from shapecalc.renderers.pictures.palette import colour, in_order
from shapecalc.renderers.pictures.scene import Curve, Dots, Label, Polygon, Rectangle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shapecalc.renderers.pictures.scene import Mark, Scene

__all__ = ["write_svg"]


def write_svg(scene: Scene, theme: str = "auto", *, within_page: bool = False) -> str:
    """Return a scene as an SVG document; `within_page` its style is for itself alone, not for others on the page."""
    width, height = f"{scene.width:.0f}", f"{scene.height:.0f}"
    about = [f"<title>{html(scene.title)}</title>"] if scene.title else []
    about += [f"<desc>{html(scene.description)}</desc>"] if scene.description else []
    size = f'width="{width}" height="{height}"'
    name = f"shapecalc-{theme}" if within_page else ""
    marked = f' class="{name}"' if name else ""
    style = "".join(_style(scene.marks, theme, f".{name} " if name else ""))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" role="img"{marked}>',
        *about,
        f"<style>{style}</style>",
        f'<rect class="f-paper" {size}/>',
        *[_element(mark) for mark in scene.marks],
        "</svg>",
    ])  # fmt: skip


def _style(marks: Iterable[Mark], theme: str, under: str) -> Iterator[str]:
    """Yield the rules of the colours that are used, for what is `under` an element."""
    fills, strokes = {"paper"}, set()
    for mark in marks:
        if isinstance(mark, Label):
            fills.add(mark.color)
        elif isinstance(mark, Dots):
            strokes.add(mark.fill)
        elif isinstance(mark, Curve):
            strokes.add(mark.stroke)
            fills |= {mark.stroke} if mark.arrow else set()
        else:
            fills |= {mark.fill} if mark.fill else set()
            strokes |= {mark.stroke} if mark.stroke else set()
    yield f"{under}text{{font-family:{FONTS};white-space:pre}}{under}rect,{under}path{{fill:none}}"
    used = [(f"{under}.f-{role}", "fill", role) for role in in_order(fills)]
    used += [(f"{under}.s-{role}", "stroke", role) for role in in_order(strokes)]
    yield from (f"{name}{{{property_}:{colour(role, theme)}}}" for name, property_, role in used)
    if theme == "auto":
        dark = "".join([f"{name}{{{property_}:{colour(role, 'dark')}}}" for name, property_, role in used])
        yield f"@media (prefers-color-scheme:dark){{{dark}}}"


def _element(mark: Mark) -> str:
    if isinstance(mark, Label):
        return _text(mark)
    if isinstance(mark, Dots):
        return _dots(mark)
    if isinstance(mark, Rectangle):
        at = {"x": mark.x, "y": mark.y, "width": mark.width, "height": mark.height}
        at.update({"rx": mark.radius} if mark.radius else {})
        shape = "rect " + " ".join([f'{name}="{_number(value)}"' for name, value in at.items()])
    elif isinstance(mark, Polygon):
        shape = f'path d="M{" ".join(map(_point, mark.points))}Z"'
    else:
        shape = f'path d="{_line(mark)}"'
    attributes = _paint("" if isinstance(mark, Curve) else mark.fill, mark.stroke, mark.thickness)
    attributes += ' stroke-dasharray="4 3"' if mark.dashed else ""
    drawn = f"<{shape}{attributes}/>"
    if mark.title:
        drawn = f"{drawn[:-2]}><title>{html(mark.title)}</title></{shape.split(' ', 1)[0]}>"
    head = mark.head if isinstance(mark, Curve) else None
    return f'{drawn}<path d="M{" ".join(map(_point, head))}Z"{_paint(mark.stroke, "", 0)}/>' if head else drawn


def _dots(dots: Dots) -> str:
    """Return dots as one path: lines without a length have round ends."""
    path = "".join([f"M{_point(point)}h0" for point in dots.points])
    paint = f'class="s-{dots.fill}" stroke-width="{_number(2 * dots.radius)}" stroke-linecap="round"'
    title = f"<title>{html(dots.title)}</title>" if dots.title else ""
    return f'<path d="{path}" {paint}>{title}</path>'


def _paint(fill: str, stroke: str, thickness: float) -> str:
    classes = [f"f-{fill}"] if fill else []
    classes += [f"s-{stroke}"] if stroke else []
    named = f' class="{" ".join(classes)}"' if classes else ""
    return named + (f' stroke-width="{_number(thickness)}"' if stroke and thickness != 1 else "")


def _line(curve: Curve) -> str:
    steps = [("L" if len(step) == 1 else "C") + " ".join(map(_point, step)) for step in curve.steps]
    return f"M{_point(curve.start)}{''.join(steps)}"


def _text(label: Label) -> str:
    attributes = f' x="{_number(label.x)}" y="{_number(label.y)}" font-size="{_number(label.size)}"'
    anchor = {"middle": "middle", "right": "end"}.get(label.anchor)
    attributes += f' text-anchor="{anchor}"' if anchor else ""
    attributes += ' font-weight="bold"' if label.bold else ""
    attributes += f' textLength="{_number(label.width)}" lengthAdjust="spacingAndGlyphs"' if label.width else ""
    if label.turned:
        attributes += f' transform="rotate({label.turned} {_point((label.x, label.y))})"'
    return f'<text class="f-{label.color}"{attributes}>{html(label.text)}</text>'


def _point(point: tuple[float, float]) -> str:
    return f"{_number(point[0])},{_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
