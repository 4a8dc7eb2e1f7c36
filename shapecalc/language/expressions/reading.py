"""From Python's tree to a function of the variables, part by part; only listed parts are allowed."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from shapecalc.errors import count_noun, did_you_mean
from shapecalc.language.expressions.arithmetic import ARITHMETIC, COMPARISONS, divided
from shapecalc.language.expressions.functions import FUNCTIONS, ROUNDED_QUOTIENTS, Given
from shapecalc.language.expressions.operands import (
    ExpressionError,
    Piece,
    bounded,
    described,
    is_plain,
    items_of,
    number_of,
    on_any,
    short,
    truth_of,
)
from shapecalc.language.expressions.syntax import HINT, NO_VARIABLE, OPERATORS_REFUSED, REFUSED, one_line
from shapecalc.text.comparisons import before_ascii, in_ascii

__all__ = ["MAX_NESTING", "MAX_PARTS", "Reader", "Run"]

MAX_PARTS = 200
"""The maximum number of numbers, names and operations of an expression."""
MAX_NESTING = 50
"""The maximum depth of their nesting."""


Run: TypeAlias = Callable[[Mapping[str, Any]], Any]


_CONSTANTS = {"true": True, "false": False, "none": None, "null": None}


class Reader:
    """Turns a tree into a function of the variables, part by part."""

    def __init__(self, text: str) -> None:
        self.text = text
        line = one_line(text)
        self.start = len(line) - len(line.lstrip(" "))
        self.bytes = in_ascii(text[self.start :]).encode("utf-8")
        self.names: set[str] = set()
        self.parts = 0
        self.nesting = 0

    def piece(self, node: ast.expr) -> Piece:
        """Return the text of a part; Python counts its columns in bytes."""
        text = self.text[self.start :]
        begin, end = (
            before_ascii(text, len(self.bytes[:offset].decode())) for offset in (node.col_offset, node.end_col_offset)
        )
        return Piece(text[begin:end], self.start + begin)

    def read(self, node: ast.expr) -> Run:
        """Return the function that evaluates a part."""
        self.parts += 1
        self.nesting += 1
        if self.parts > MAX_PARTS:
            message = f"the expression has more than {MAX_PARTS} parts"
            raise ExpressionError(message, hint="name some of them under `vars:`")
        if self.nesting > MAX_NESTING:
            message = f"the expression is nested more than {MAX_NESTING} deep"
            raise ExpressionError(message, hint="name some of its parts under `vars:`")
        read = _READERS.get(type(node))
        if read is None:
            kind, hint = REFUSED.get(type(node), ("Python syntax", HINT))
            self.piece(node).refuse(f"{{}} is {kind}, which an expression cannot contain", hint)
        run = read(self, node)
        self.nesting -= 1
        return run

    def operator(self, node: ast.expr, sign: ast.AST, known: Mapping[type[ast.AST], Any]) -> Any:
        """Return the entry of an operator; raise the error for an unknown one."""
        if type(sign) not in known:
            shown, hint = OPERATORS_REFUSED[type(sign)]
            self.piece(node).refuse(f"{{}} has the unknown operator `{shown}`", hint)
        return known[type(sign)]


def _read_constant(reader: Reader, node: ast.Constant) -> Run:
    value, piece = node.value, reader.piece(node)
    if not isinstance(value, (int, float, str, type(None))):
        piece.refuse("{} is not a number that an expression can contain", HINT)
    value = bounded(value, piece)
    return lambda _: value


def _read_name(reader: Reader, node: ast.Name) -> Run:
    name, piece = node.id, reader.piece(node)
    if name in _CONSTANTS:
        constant = _CONSTANTS[name]
        return lambda _: constant
    reader.names.add(name)

    def run(variables: Mapping[str, Any]) -> Any:
        if name in variables:
            return bounded(variables[name], piece)
        if name in FUNCTIONS:
            piece.refuse("{} is a function", f"call it: {name}(…)")
        if name == "i":
            return piece.refuse("{} is not a variable here", "i counts the copies of an item that has repeat: or for:")
        return piece.refuse("{} is not a variable", did_you_mean(name, variables, NO_VARIABLE))

    return run


def _read_unary(reader: Reader, node: ast.UnaryOp) -> Run:
    operand, piece = reader.read(node.operand), reader.piece(node.operand)
    if isinstance(node.op, ast.Not):
        return lambda variables: not truth_of(operand(variables), piece)
    work = reader.operator(node, node.op, {ast.USub: operator.neg, ast.UAdd: operator.pos})
    return lambda variables: on_any(work, piece, number_of(operand(variables), piece))


def _read_binary(reader: Reader, node: ast.BinOp) -> Run:
    work = reader.operator(node, node.op, ARITHMETIC)
    left, left_piece = reader.read(node.left), reader.piece(node.left)
    right, right_piece = reader.read(node.right), reader.piece(node.right)
    piece = reader.piece(node)

    divides = isinstance(node.op, (ast.Div, ast.FloorDiv, ast.Mod))

    def run(variables: Mapping[str, Any]) -> Any:
        a = number_of(left(variables), left_piece)
        b = number_of(right(variables), right_piece)
        if divides:
            _check_divisor(b, piece, right_piece, variables)
        return bounded(work(a, b, piece), piece)

    return run


def _check_divisor(value: Any, piece: Piece, divisor: Piece, variables: Mapping[str, Any]) -> None:
    """Enforce that a divisor is not 0: the error names the variables of it that are 0, or else the whole of it."""
    if not is_plain(value) or value != 0:
        return
    words = dict.fromkeys(re.findall(r"[^\W\d]\w*", divisor.text))
    zeros = [word for word in words if is_plain(variables.get(word)) and variables[word] == 0]
    if not zeros and words:
        zeros = [short(divisor.text)]
    piece.refuse(
        "{} divides by zero" + (f": {' and '.join(zeros)} {'is' if len(zeros) == 1 else 'are'} 0" if zeros else "")
    )


def _read_logic(reader: Reader, node: ast.BoolOp) -> Run:
    parts = [(reader.read(value), reader.piece(value)) for value in node.values]
    join = all if isinstance(node.op, ast.And) else any
    return lambda variables: join(truth_of(part(variables), piece) for part, piece in parts)


def _read_comparison(reader: Reader, node: ast.Compare) -> Run:
    works = [reader.operator(node, sign, COMPARISONS) for sign in node.ops]
    first, *others = [(reader.read(part), reader.piece(part)) for part in (node.left, *node.comparators)]
    piece = reader.piece(node)

    def run(variables: Mapping[str, Any]) -> Any:
        held: Any = True
        left, left_piece = first[0](variables), first[1]
        for work, (part, part_piece) in zip(works, others, strict=True):
            right = part(variables)
            held = work(left, right, left_piece, part_piece)
            if len(works) > 1 and not truth_of(held, piece):
                return False
            left, left_piece = right, part_piece
        return held

    return run


def _read_choice(reader: Reader, node: ast.IfExp) -> Run:
    test, piece = reader.read(node.test), reader.piece(node.test)
    then, otherwise = reader.read(node.body), reader.read(node.orelse)
    return lambda variables: (then if truth_of(test(variables), piece) else otherwise)(variables)


def _read_list(reader: Reader, node: ast.List) -> Run:
    items = [reader.read(item) for item in node.elts]
    return lambda variables: [item(variables) for item in items]


def _read_item(reader: Reader, node: ast.Subscript) -> Run:
    container, container_piece = reader.read(node.value), reader.piece(node.value)
    index, index_piece = reader.read(node.slice), reader.piece(node.slice)
    piece = reader.piece(node)

    def run(variables: Mapping[str, Any]) -> Any:
        items = items_of(container(variables), container_piece)
        at = index(variables)
        if type(at) is not int:
            index_piece.refuse(
                f"{{}} is {described(at, index_piece)}, not the index of an item", "items are counted from 0"
            )
        if not -len(items) <= at < len(items):
            message = f"{{}} is not an item: the list has {count_noun(len(items), 'item')}"
            piece.refuse(message, f"they are counted from 0, and this is number {at:,}")
        return bounded(items[at], piece)

    return run


_OF_PYTHON = """
int | write floor(…), which rounds down, or // in place of /
float | remove it: / gives a fraction
pow | write a ** b
sqrt | write a ** 0.5
range | a list is written out: [0, 1, 2]; `repeat:` and `for:` make copies of an item
"""
"""Functions of Python, and what is written in their place."""


def _read_call(reader: Reader, node: ast.Call) -> Run:
    piece = reader.piece(node)
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        called = reader.piece(node.func)
        last = called.text.rpartition(".")[2]
        of_python = dict(line.split(" | ") for line in _OF_PYTHON.strip().splitlines())
        meant = of_python.get(last) or (f"write {last}" if last in FUNCTIONS else "")
        hint = meant or did_you_mean(called.text, FUNCTIONS)
        called.refuse("{} is not a function of expressions", hint)
    function = FUNCTIONS[node.func.id]
    given = dict(zip(function.parameters, node.args, strict=False))
    given |= {word.arg: word.value for word in node.keywords if word.arg and word.arg not in given}
    extra = node.args[len(function.parameters) :]
    is_named = len(given) + len(extra) == len(node.args) + len(node.keywords) and set(given) <= {*function.parameters}
    if not is_named or len(given) < function.required or (extra and not function.is_variadic):
        piece.refuse("{} is not a valid call", f"write {function.usage}")
    argument = given.get("x")
    if node.func.id in ROUNDED_QUOTIENTS and isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Div):
        return _read_rounded_quotient(reader, argument, ROUNDED_QUOTIENTS[node.func.id])
    names = [*given, *([""] * len(extra))]
    parts = [(reader.read(part), reader.piece(part)) for part in (*given.values(), *extra)]

    def run(variables: Mapping[str, Any]) -> Any:
        arguments = [Given(name, part(variables), its) for name, (part, its) in zip(names, parts, strict=True)]
        return bounded(function.work(arguments, piece), piece)

    return run


def _read_rounded_quotient(reader: Reader, node: ast.BinOp, work: Callable[[Any, Any], Any]) -> Run:
    """Read `ceil(a / b)` or `floor(a / b)` as one exact operation, which dimensions of every kind have."""
    left, left_piece = reader.read(node.left), reader.piece(node.left)
    right, right_piece = reader.read(node.right), reader.piece(node.right)
    piece = reader.piece(node)

    def run(variables: Mapping[str, Any]) -> Any:
        a, b = number_of(left(variables), left_piece), number_of(right(variables), right_piece)
        _check_divisor(b, piece, right_piece, variables)
        result = bounded(divided(work, a, b, piece), piece)
        return int(result) if isinstance(result, float) else result

    return run


_READERS: dict[type[ast.expr], Callable[[Reader, Any], Run]] = {
    ast.Constant: _read_constant,
    ast.Name: _read_name,
    ast.UnaryOp: _read_unary,
    ast.BinOp: _read_binary,
    ast.BoolOp: _read_logic,
    ast.Compare: _read_comparison,
    ast.IfExp: _read_choice,
    ast.List: _read_list,
    ast.Subscript: _read_item,
    ast.Call: _read_call,
}
