"""Closed formulas as text, Markdown, LaTeX, HTML and Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.escaping import defuse, join_lines, markdown
from shapecalc.renderers.blocks import BLOCK_FORMATS, Note, Table, Title, check_format, draw_blocks
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.cells import PROSE, prose_width, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shapecalc.questions.formula import Formulas
    from shapecalc.questions.formula.symbols import SymbolInUse

__all__ = ["draw_formulas"]

_CONDITIONS = 8


def draw_formulas(
    answer: Formulas,
    format_: str,
    *,
    width: int | None = None,
    color: bool = False,  # noqa: ARG001  (it has no colours)
) -> str:
    """Return the formulas as text, markdown, latex, html or python."""
    if format_ == "html":
        return _page(answer)
    if format_ == "text":
        return join_lines(_text(answer, min(width or PROSE, PROSE)))
    writers = {"markdown": _markdown, "latex": _latex, "python": _python}
    check_format(format_, [*dict.fromkeys((*BLOCK_FORMATS, *writers))])
    return join_lines(writers[format_](answer))


def _page(answer: Formulas) -> str:
    lines = []
    for what, formula in answer.written("text").items():
        if isinstance(formula, dict):
            lines += [TableLine((_label(what, name, formula), _sizes(sizes))) for name, sizes in formula.items()]
        else:
            lines.append(TableLine((_label(what), formula)))
    return draw_blocks([Title(_title(answer)), Table(("", "formula"), lines), *map(Note, _notes(answer))], "html")


def _notes(answer: Formulas) -> list[str]:
    meanings = [f"{symbol.name}: {_meaning(symbol)}" for symbol in answer.symbols]
    notes = [*meanings, *[f"where {condition}" for condition in answer.conditions]]
    return [*notes, f"verified by inference {_verified(answer)}", *answer.notes]


def _markdown(answer: Formulas) -> list[str]:
    """Return the formulas between dollars, as GitHub and notebooks typeset them: a pair for each term of a sum."""
    lines = [f"**{markdown(_title(answer))}**", ""]
    for what, formula in answer.written("latex").items():
        if isinstance(formula, dict):
            lines += [
                f"- **{markdown(_label(what, name, formula))}** ${_large(_latex_sizes(sizes))}$"
                for name, sizes in formula.items()
            ]
        else:
            first, *rest = _terms(_large(_grouped(formula)))
            terms = [f"${first}$", *[f"${{}} {term}$" for term in rest]]
            lines.append(f"- **{_label(what)}** {' '.join(terms)}")
    for note in _notes(answer):
        lines += ["", markdown(note)]
    return lines


def _large(formula: str) -> str:
    """Return a formula in LaTeX whose fractions within a line are as large as those of a displayed one."""
    return formula.replace(r"\frac", r"\dfrac")


def _grouped(formula: str) -> str:
    """Return a formula in LaTeX with separators of thousands; digits of a name stay as they are."""
    return re.sub(r"(?<![\w\\.])\d{4,}", lambda found: f"{int(found[0]):,}".replace(",", "{,}"), formula)


def _label(what: str, name: str = "", outputs: Mapping[str, Any] | None = None) -> str:
    if what == "macs":
        return "MACs"
    return f"{what} {name}" if outputs and len(outputs) > 1 else what


def _title(answer: Formulas) -> str:
    return f"{answer.name or 'the network'}{f', layer {answer.layer}' if answer.layer else ''}"


def _sizes(sizes: Sequence[str], times: str = " × ") -> str:
    """Return sizes as text; as everywhere, without separators of thousands."""
    plain = [re.sub(r"(?<=\d),(?=\d{3})", "", size) for size in sizes]
    return "scalar" if not plain else times.join(f"({size})" if len(_terms(size)) > 1 else size for size in plain)


def _text(answer: Formulas, width: int) -> list[str]:
    lines = [_title(answer), ""]
    for what, formula in answer.written("text").items():
        if isinstance(formula, dict):
            lines += [f"  {_label(what, name, formula)} = {_sizes(sizes)}" for name, sizes in formula.items()]
        else:
            lines += _wrapped(f"  {_label(what)} = ", formula, width)
    lines.append("")
    for symbol in answer.symbols:
        lines += _folded(f"  {symbol.name}: ", _meaning(symbol), width)
    shown = answer.conditions[:_CONDITIONS]
    lines += [f"  where {condition}" for condition in shown]
    if len(answer.conditions) > len(shown):
        lines.append(f"  and {len(answer.conditions) - len(shown)} more conditions (--format json lists them)")
    below = [f"verified by inference {_verified(answer)}", *answer.notes]
    return [*lines, "", *[part for note in below for part in _folded("", note, width)]]


def _folded(head: str, text: str, width: int) -> list[str]:
    """Return a text in lines that fit a terminal, with its head before the first."""
    first, *rest = wrap(text, width - len(head))
    return [f"{head}{first}", *(f"{' ' * len(head)}{line}" for line in rest)]


def _wrapped(head: str, formula: str, width: int) -> Iterator[str]:
    """Yield a formula in lines that fit a terminal, broken before a sign."""
    line = head
    for part in _terms(formula):
        if prose_width(line) + prose_width(part) + 1 > width and line != head:
            yield line
            line = f"{' ' * (len(head) - 2)}{part}"
        else:
            line += part if line == head else f" {part}"
    yield line


def _terms(formula: str) -> list[str]:
    """Return the terms of a sum as text or LaTeX, each with its sign; brackets are kept together."""
    terms, depth = [""], 0
    for word in formula.split(" "):
        if word in "+−-" and not depth:
            terms.append(word)
        else:
            terms[-1] += f" {word}" if terms[-1] else word
        depth += sum(map(word.count, "(⌊[{")) + word.count(r"\left")
        depth -= sum(map(word.count, ")⌋]}")) + word.count(r"\right")
    return terms


def _meaning(symbol: SymbolInUse) -> str:
    if symbol.domain is None:
        return symbol.meaning
    valid, given = symbol.domain.text(), str(symbol.given)
    if symbol.is_variable:
        valid, given = valid.replace("every size", "every value"), f"{symbol.given:,}"
    return f"{symbol.meaning}, {given} in the specification; valid: {valid}"


def _verified(answer: Formulas) -> str:
    ranges = ", ".join(f"{name} from {low} to {high}" for name, (low, high) in answer.ranges.items())
    return ", ".join(filter(None, (f"at {answer.verified} points", ranges)))


def _latex(answer: Formulas) -> list[str]:
    lines = [f"% {defuse(_title(answer))}", f"% verified by inference {_verified(answer)}"]
    lines += [f"% {symbol.name}: {_meaning(symbol)}" for symbol in answer.symbols]
    lines += [f"% where {condition}" for condition in answer.conditions]
    lines.append(r"\begin{align*}")
    for what, formula in answer.written("latex").items():
        if isinstance(formula, dict):
            lines += [rf"\text{{{what}}} &= {_latex_sizes(sizes)} \\" for sizes in formula.values()]
        else:
            lines.append(rf"\text{{{'MACs' if what == 'macs' else what}}} &= {formula} \\")
    return [*lines, r"\end{align*}"]


def _latex_sizes(sizes: Sequence[str]) -> str:
    return (
        r"\text{scalar}"
        if not sizes
        else r" \times ".join(rf"\left({size}\right)" if " " in size else size for size in sizes)
    )


def _python(answer: Formulas) -> list[str]:
    names = answer.python_names()
    parameters = ", ".join(names.values())
    lines = [f"# {defuse(_title(answer))}; verified by inference {_verified(answer)}"]
    for symbol in answer.symbols:
        own = names[symbol.name]
        named = own if own == symbol.name else f"{own}, for {symbol.name}"
        lines.append(f"# {named}: {_meaning(symbol)}")
    lines += [f"# where {condition}" for condition in answer.conditions]
    for what, formula in answer.written("python").items():
        if isinstance(formula, dict):
            shapes = ["(" + ", ".join(sizes) + ("," if len(sizes) == 1 else "") + ")" for sizes in formula.values()]
            formula = shapes[0] if len(shapes) == 1 else "[" + ", ".join(shapes) + "]"  # noqa: PLW2901
        lines += ["", "", f"def {what}({parameters}):", f"    return {formula}"]
    return lines
