"""What a page asks of a text besides what follows each keystroke: pictures, explanations, memory, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, ShapecalcError, UsageError, did_you_mean
from shapecalc.escaping import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.editor.shown import ShownText
    from shapecalc.model.report import Report
    from shapecalc.questions.memory import Memory

__all__ = ["EXPORTS", "explain", "export", "field", "memory", "picture"]

_PICTURE_OPTIONS = ("depth", "direction", "scale", "of", "layer", "at")
_MEMORY_OPTIONS = (
    "weights", "activations", "buffers", "in_place", "order", "attention", "budget", "context", "kv_bits", "training",
    "optimizer", "precision", "mixed_precision", "checkpoint", "lora",
)  # fmt: skip
_NAMED = 200
"""Characters of a name that a request may have."""


def picture(shown: ShownText, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a picture of the network: of what is known of it, where it has a problem."""
    style = request.get("style") or "graph"
    options = _options(request, _PICTURE_OPTIONS)
    return {"svg": _report(shown).draw(_text(style, "style"), theme=_theme(request), **options).svg}


def explain(shown: ShownText, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arithmetic behind a layer, or behind all layers of a block."""
    from shapecalc.questions.explain import explain_report

    report, name = _report(shown), _text(request.get("layer"), "layer")
    explanation = explain_report(report, [name], back=bool(request.get("back")))
    line = report.line(name)
    title = f"{name} ({line.kind})" if line else name
    return {
        "title": clean(title),
        "markdown": explanation.render("markdown"),
        "html": explanation.render("html"),
        "text": explanation.render("text"),
    }


def memory(shown: ShownText, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the memory that the network needs, at inference or in training, with its picture."""
    from shapecalc.renderers.answers.memory import amounts_of
    from shapecalc.renderers.cells import show_bytes

    if shown.network is None:
        raise _no_report(shown)
    found: Memory = shown.network.memory(
        batch=shown.settings.batch, layout=shown.settings.layout, **_options(request, _MEMORY_OPTIONS)
    )
    rows = [{"name": name, "bytes": size, "shown": show_bytes(size)} for name, size in amounts_of(found)]
    answer = {
        "rows": rows,
        "total": {"bytes": found.total, "shown": show_bytes(found.total)},
        "text": found.render("text"),
        "html": found.render("html"),
        "svg": found.draw("memory", theme=_theme(request)).svg,
    }
    device = request.get("device")
    return {**answer, "speed": _speed(shown, device)} if device else answer


def _speed(shown: ShownText, device: Any) -> str:
    """Return the time that the network needs at least on a bundled device, as HTML."""
    import shapecalc.questions.speed  # noqa: F401  (the room before a part of it: threads)
    from shapecalc.questions.speed.devices import bundled_devices

    names, name = bundled_devices(), _text(device, "device")
    if name not in names:  # a path of a file is none here
        raise UsageError(Problem(f"there is no device {clean(name)}", hint=did_you_mean(name, names)))
    assert shown.network is not None
    return str(shown.network.speed(name, batch=shown.settings.batch).render("html"))


def field(shown: ShownText, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the receptive fields of the network, or of one layer, with its picture."""
    from shapecalc.questions.receptive_field import receptive_fields
    from shapecalc.renderers.answers.receptive_field import draw_region

    fields = receptive_fields(_report(shown))
    name = request.get("layer")
    if not name:
        return {"text": fields.render("text"), "html": fields.render("html"), "svg": _field_picture(shown, request)}
    name = _text(name, "layer")
    position = fields.middle(name)
    text, page = (draw_region(fields, name, position, format_) for format_ in ("text", "html"))
    return {"text": text, "html": page, "svg": _field_picture(shown, request, layer=name)}


def _field_picture(shown: ShownText, request: Mapping[str, Any], **options: Any) -> str:
    """Return the picture of receptive fields; empty for a network or a layer that has none."""
    try:
        return str(_report(shown).draw("receptive-field", theme=_theme(request), **options).svg)
    except UsageError:
        return ""


EXPORTS = {
    "svg": (".svg", "image/svg+xml"),
    "csv": (".csv", "text/csv"),
    "markdown": (".md", "text/markdown"),
    "json": (".json", "application/json"),
    "html": (".html", "text/html"),
    "latex": (".tex", "application/x-tex"),
    "yaml": (".yaml", "application/yaml"),
    "pytorch": (".py", "text/x-python"),
    "keras": (".py", "text/x-python"),
    "dot": (".dot", "text/vnd.graphviz"),
    "mermaid": (".mmd", "text/vnd.mermaid"),
}
"""The formats that a page downloads, with the suffix and the media type of each."""
_OF_REPORTS = ("csv", "markdown", "json", "html", "latex")


def export(shown: ShownText, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the network as the text of a file. The YAML is that of the page, with what is set beside it."""
    to = _text(request.get("format"), "format")
    if to not in EXPORTS:
        raise UsageError(Problem(f"there is no format {clean(to)}", hint=did_you_mean(to, EXPORTS)))
    suffix, mime = EXPORTS[to]
    stem = shown.name.rpartition(".")[0] or shown.name
    if to == "yaml":
        text = shown.settled
    elif to == "svg":
        text = picture(shown, request)["svg"]
    else:
        report = _report(shown, is_whole=True)
        text = report.render(to) + "\n" if to in _OF_REPORTS else _converted(shown, to)
    return {"name": clean(stem.strip("<>")) + suffix, "mime": mime, "text": text}


def _converted(shown: ShownText, to: str) -> str:
    from shapecalc.exporters import convert

    written = convert(_report(shown, is_whole=True), to)
    assert isinstance(written, str)  # none of these formats is bytes
    return written


def _report(shown: ShownText, *, is_whole: bool = False) -> Report:
    """Return the report of a text. Errors: its problems, where nothing is known, or `is_whole` and not all is."""
    report = shown.report
    if report is None or (is_whole and not report.is_complete):
        raise _no_report(shown)
    return report


def _no_report(shown: ShownText) -> ShapecalcError:
    return UsageError(shown.problems or "the text has no layers yet")


def _text(given: Any, what: str) -> str:
    if not isinstance(given, str) or not given or len(given) > _NAMED:
        raise UsageError(f"{what} must be a name")
    return given


def _theme(request: Mapping[str, Any]) -> str:
    theme = request.get("theme", "light")
    return theme if theme in ("light", "dark") else "auto"


def _options(request: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """Return the options of a question that a request has; those that are null or empty are not given."""
    return {name: request[name] for name in known if request.get(name) not in (None, "", False)}
