"""The engine of a page that edits a specification: a request as plain data in, an answer as plain data out.

    browser ──JSON──▶ the local server, or Python within the browser ──▶ answer() ──JSON──▶ browser

It has no state, no threads and no files: a text is in its request. What is read are bundled specifications, and, where
a `folder` is given, files in it that the text uses.

A request has `do`; where it is about a text, also `text`, `name`, `variant`, `variables`, `inputs`, `batch`, `layout`,
of which only the text is needed. An answer has `ok`, or the `error`: `message`, `why`, `hint`. Positions are lines and
characters from 0, in UTF-16 units.

    look      diagnostics, hints (sizes behind layers), table, totals, is_complete, variants, variables, inputs, layout
    fixes     the diagnostics again, with fixes that were tried
    complete  items, at a position                hover     markdown, of a position
    picture   svg, in a style and a theme         explain   title, markdown, html, text, of a layer or block
    memory    rows, total, text, html, svg        field     text, html, svg: receptive fields, or that of a layer
    export    name, mime, text, in a format       read      text, name, note, of dropped files (name, base64)
    examples  names                               example   text, name
"""

from __future__ import annotations

import os
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from shapecalc.editor import answers, opening
from shapecalc.editor.controls import inputs_of, variables_of
from shapecalc.editor.diagnostics import ERROR, diagnostics
from shapecalc.editor.hints import hints
from shapecalc.editor.positions import Position, Range, applied
from shapecalc.editor.shown import ShownText, TextSettings
from shapecalc.editor.table import MOST_ROWS, table_of
from shapecalc.errors import Problem, ShapecalcError, UsageError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.files import bundled_folder, find_bundled
from shapecalc.layers.base.shape import read_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shapecalc.editor.actions import Action
    from shapecalc.editor.positions import TextEdit

__all__ = ["REQUESTS", "answer"]

_UNIT = "utf-16"
"""The units that characters are counted in, as the editors of browsers and the language server protocol do."""
_MOST_SET = 200
_LARGEST_BATCH = 10**9
_SHOWN = 50


def answer(request: Any, folder: str = "") -> dict[str, Any]:
    """Return the answer to a request: `ok`, and what was asked for; or the `error`, never an exception.

    `folder` is that of the files that the text may use.
    """
    try:
        return {"ok": True, **_asked(request)(request, folder)}
    except ShapecalcError as error:
        return _failure(error.problems[0])
    except RecursionError:
        return _failure(Problem("the text is nested too deeply"))
    except MemoryError:
        return _failure(Problem("not enough memory"))
    except Exception as error:  # noqa: BLE001  (a page shows a sentence, whatever is wrong)
        return _failure(Problem(f"this could not be worked out ({type(error).__name__})"))


def _asked(request: Any) -> Callable[[Mapping[str, Any], str], dict[str, Any]]:
    """Return what answers a request. Errors: `UsageError` for what is none."""
    if not isinstance(request, dict):
        raise UsageError("a request is an object")
    do = request.get("do")
    if not isinstance(do, str) or do not in REQUESTS:
        word = clean(str(do)[:_SHOWN])
        raise UsageError(Problem(f"there is no request {word}", hint=did_you_mean(word, REQUESTS)))
    return REQUESTS[do]


def _failure(problem: Problem) -> dict[str, Any]:
    mark = problem.mark
    message = f"{mark}: {problem.headline}" if mark else problem.headline
    error = {"message": clean(message), "why": [*map(clean, problem.why)], "hint": clean(problem.hint)}
    return {"ok": False, "error": error}


def _shown(request: Mapping[str, Any], folder: str) -> ShownText:
    """Return the text of a request with its settings. Errors: `UsageError` for what is none."""
    text = request.get("text")
    if not isinstance(text, str):
        raise UsageError("a request has a text")
    name = opening.own_name(request.get("name"))
    variant = request.get("variant")
    own = folder if folder and (not _is_bundled(name) or os.path.isfile(os.path.join(folder, name))) else ""
    path = os.path.join(own or bundled_folder(), name)
    return ShownText(text, path, variant if isinstance(variant, str) else "", settings=_settings(request))


@cache
def _is_bundled(name: str) -> bool:
    return find_bundled(name) is not None


def _settings(request: Mapping[str, Any]) -> TextSettings:
    variables, inputs = request.get("variables") or {}, request.get("inputs") or {}
    for what, given in (("variables", variables), ("inputs", inputs)):
        if not isinstance(given, dict) or len(given) > _MOST_SET:
            raise UsageError(f"{what} are an object of names and values")
    batch = request.get("batch") or 1
    if type(batch) is not int or not 1 <= batch <= _LARGEST_BATCH:
        raise UsageError("a batch is a whole number of at least 1")
    return TextSettings(variables, inputs, batch, read_layout(request.get("layout") or ""))


def _look(request: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Return all that follows a keystroke."""
    shown = _shown(request, folder)
    report = shown.report
    found = {
        "diagnostics": _diagnostics(shown, {}),
        "hints": [
            {"position": _position(shown, one.position), "label": one.label, "tooltip": one.tooltip}
            for one in islice(hints(shown), MOST_ROWS)
        ],
        "table": table_of(shown),
        "totals": None,
        "is_complete": bool(report and report.is_complete and not shown.problems),
        "variants": list(shown.document.variants) if shown.document else [],
        "variant": shown.variant,
        "variables": variables_of(shown),
        "inputs": inputs_of(shown),
        "layout": report.layout if report else "",
    }
    if report:
        sizes = {name: list(size) for name, size in report.outputs.items()}
        total = report.total
        found["totals"] = {"params": total.params, "macs": total.macs, "layers": len(report.rows), "output": sizes}
    return found


def _diagnostics(shown: ShownText, actions: Mapping[int, list[Action]]) -> list[dict[str, Any]]:
    """Return the diagnostics of a text, errors with the actions that fix them."""
    return [
        {
            "range": _range(shown, one.range),
            "level": one.level,
            "message": one.message,
            "fixes": [
                {"title": action.title, "edits": [_edit(shown, edit) for edit in action.edits]}
                for action in (actions.get(one.number, ()) if one.level == ERROR else ())
            ],
        }
        for one in diagnostics(shown)
    ]


def _fix(shown: ShownText, _: Mapping[str, Any]) -> dict[str, Any]:
    """Return the diagnostics again, with fixes: each was tried, which takes longer than a keystroke may."""
    from shapecalc.editor.actions import fixes, quick_fixes

    own = shown.alone
    end = len(own.text.starts) - 1
    whole = Range(Position(0, 0), Position(end, len(own.text.line(end))))
    found: dict[int, list[Action]] = {}
    for action in quick_fixes(own, whole):
        found.setdefault(action.number, []).append(action)
    first = next((index for index, problem in enumerate(own.problems) if problem.layer), None)
    if first is not None:
        searched = fixes(own)  # their titles say more
        written = {applied(own.text, action.edits) for action in searched}
        hints = [action for action in found.get(first, ()) if applied(own.text, action.edits) not in written]
        found[first] = hints + searched
    return {"diagnostics": _diagnostics(shown, shown.numbered(own, found))}


def _complete(shown: ShownText, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be written at a position."""
    from shapecalc.editor.completion import completions

    items = [
        {
            "label": one.label,
            "sort": one.sort,
            "detail": one.detail,
            "info": one.documentation,
            "insert": one.new_text,
            "snippet": one.snippet,
            "range": _range(shown, one.range),
        }
        for one in completions(shown, _asked_position(shown, request))
    ]
    return {"items": items}


def _hover(shown: ShownText, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a position, as Markdown; empty for nothing."""
    from shapecalc.editor.hover import hover

    found = hover(shown, _asked_position(shown, request))
    return {"markdown": found.markdown if found else "", "range": _range(shown, found.range) if found else None}


def _position(shown: ShownText, position: Position) -> dict[str, int]:
    return shown.text.to_units(position, _UNIT)._asdict()


def _range(shown: ShownText, found: Range) -> dict[str, dict[str, int]]:
    return {"start": _position(shown, found.start), "end": _position(shown, found.end)}


def _edit(shown: ShownText, edit: TextEdit) -> dict[str, Any]:
    return {"range": _range(shown, edit.range), "text": edit.new_text}


def _asked_position(shown: ShownText, request: Mapping[str, Any]) -> Position:
    """Return the position of a request. Errors: `UsageError` for what is none."""
    given = request.get("position")
    line, character = map(given.get, Position._fields) if isinstance(given, dict) else (None, None)
    if type(line) is not int or type(character) is not int or line < 0 or character < 0:
        raise UsageError("a position has a line and a character, from 0")
    text = shown.text
    return text.position(text.offset(text.from_units(Position(line, character), _UNIT)))


def _of_text(
    asked: Callable[[ShownText, Mapping[str, Any]], dict[str, Any]],
) -> Callable[[Mapping[str, Any], str], dict[str, Any]]:
    """Return the function of requests about a text, which `asked` answers."""
    return lambda request, folder: asked(_shown(request, folder), request)


REQUESTS: dict[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
    "look": _look,
    "fixes": _of_text(_fix),
    "complete": _of_text(_complete),
    "hover": _of_text(_hover),
    "picture": _of_text(answers.picture),
    "explain": _of_text(answers.explain),
    "memory": _of_text(answers.memory),
    "field": _of_text(answers.field),
    "export": _of_text(answers.export),
    "read": lambda request, _: opening.opened(request.get("files"), request.get("inputs"), request.get("variables")),
    "examples": lambda _, __: {"names": opening.examples()},
    "example": lambda request, _: opening.example(request.get("name")),
}
"""Every request, and what answers it."""
