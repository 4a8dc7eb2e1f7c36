"""Expressions of the specification language: `planes * 4`, `width // 2`, `64 if i > 0 else 32`.

A small arithmetic that borrows Python's grammar and nothing else of it: the text is parsed to a tree, every part of
the tree is on a list of what may stand there, and the tree becomes a function that does the arithmetic. No code of the
text ever runs, and no number or list grows beyond the limits below. Variables may be dimensions of any kind (see
`dims`): an expression adds and multiplies them without asking what they are.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any, NamedTuple, NoReturn, TypeAlias

from shapecalc import dims
from shapecalc.errors import count_noun, did_you_mean

__all__ = [
    "FUNCTIONS",
    "MAX_EXPONENT",
    "MAX_ITEMS",
    "MAX_LENGTH",
    "MAX_NESTING",
    "MAX_PARTS",
    "MAX_SIZE",
    "Expression",
    "ExpressionError",
    "parse",
]

MAX_LENGTH = 1_000
"""How many characters an expression may have."""
MAX_PARTS = 200
"""How many numbers, names and operations an expression may have."""
MAX_NESTING = 50
"""How deep they may be nested."""
MAX_SIZE = 10**18
"""How large a number may become."""
MAX_EXPONENT = 64
"""How large an exponent may be."""
MAX_ITEMS = 10_000
"""How many items a list may have."""

_SHOWN = 40  # characters of an expression that are shown in a message


class ExpressionError(Exception):
    """What is wrong with an expression: where in its text (from 0, None where it is all of it), and the mend."""

    def __init__(self, message: str, offset: int | None = None, length: int = 1, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = length
        self.mend = mend


Run: TypeAlias = Callable[[Mapping[str, Any]], Any]


class Expression:
    """An expression that was read: its text, the names of its free variables, and what it comes to."""

    __slots__ = ("_run", "names", "text")

    def __init__(self, text: str, names: frozenset[str], run: Run) -> None:
        self.text = text
        self.names = names
        self._run = run

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Return what the expression comes to with these variables; raise ExpressionError where it comes to nothing."""
        return self._run(variables)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Read an expression; raise ExpressionError where it is none, or holds what none may hold."""
    if len(text) > MAX_LENGTH:
        message = f"an expression of {len(text):,} characters is too long: at most {MAX_LENGTH:,}"
        raise ExpressionError(message, mend="give its parts names under `vars:`")
    if not text.strip():
        message = "the expression is empty"
        raise ExpressionError(message, mend="write a number, a variable or some arithmetic")
    tree = _tree(text)
    reader = _Reader(text)
    run = reader.read(tree)
    return Expression(text, frozenset(reader.names), run)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────


class _Piece(NamedTuple):
    """A piece of an expression's text, for errors to point at."""

    text: str
    offset: int

    def refuse(self, message: str, mend: str = "") -> NoReturn:
        """Raise the error; `{}` in the message becomes the piece."""
        raise ExpressionError(message.replace("{}", f"`{_short(self.text)}`", 1), self.offset, len(self.text), mend)


def _short(text: str) -> str:
    """Return a text as one line that a message can hold."""
    line = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _one_line(text: str) -> str:
    return "".join(" " if c in "\n\r\t\f" else c for c in text)


def _tree(text: str) -> ast.expr:
    """Return Python's tree of the text, whatever Python may find wrong with it."""
    line = _one_line(text)
    start = len(line) - len(line.lstrip(" "))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python warns of is refused below, or no concern of ours
            tree = ast.parse(line[start:], mode="eval").body
    except SyntaxError as error:
        at = min(start + max((error.offset or 1) - 1, 0), len(line.rstrip()))
        _refuse_syntax(text, at)
    except (ValueError, MemoryError, RecursionError, OverflowError):
        _Piece(text, 0).refuse("{} is not an expression", "write numbers, variables and + - * / between them")
    rest = line.encode()[start + (tree.end_col_offset or 0) :].decode()
    if "#" in rest:
        comment = rest[rest.index("#") :]
        _Piece(comment, len(line) - len(comment)).refuse(
            "{} is a comment, which an expression may not hold", "remove it"
        )
    return tree


_SLIPS = (
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("!", "write `not`, or `!=` for unequal"),
    ("?", "write `x if condition else y`"),
    ("=", "write `==` to compare"),
    ("×", "write `*` to multiply"),
    ("^", "write `**` for a power"),
)


_UNFINISHED = re.compile(r"(?:[-+*/%<>=,(\[]|\b(?:and|or|not|if|else|in))\s*$")


def _refuse_syntax(text: str, at: int) -> NoReturn:
    """Say where a text stops being an expression, so far as Python's own answer is of use."""
    mend = next((mend for slip, mend in _SLIPS if slip in text.replace("==", "").replace("!=", "")), "")
    rest = text[at:].strip()
    if _UNFINISHED.search(text):
        where, at, rest = ": it ends too early", len(text.rstrip()), ""
    elif text.count("(") > text.count(")"):
        where, mend = ": a `)` is missing", "close every `(`"
    elif text.count("[") > text.count("]"):
        where, mend = ": a `]` is missing", "close every `[`"
    else:
        where = f": it cannot be read from `{_short(rest)}` on" if rest and rest != text.strip() else ""
    message = f"`{_short(text)}` is not an expression{where}"
    raise ExpressionError(message, at, max(1, len(rest)), mend)


_CONSTANTS = {"true": True, "false": False, "none": None, "null": None}
_MEND = "an expression is arithmetic on numbers and variables, with comparisons, `x if c else y` and a few functions"

# What Python has and an expression has not.
_REFUSED: dict[type[ast.expr], tuple[str, str]] = {
    ast.Attribute: ("an attribute", "use the variables as they are, without `.`"),
    ast.Lambda: ("a function of its own", _MEND),
    ast.ListComp: ("a loop", "write the items out, or use `repeat:`"),
    ast.SetComp: ("a loop", "write the items out, or use `repeat:`"),
    ast.DictComp: ("a loop", "write the items out, or use `repeat:`"),
    ast.GeneratorExp: ("a loop", "write the items out, or use `repeat:`"),
    ast.JoinedStr: ("a text with values in it", "texts are only compared"),
    ast.NamedExpr: ("an assignment", "give the part a name under `vars:`"),
    ast.Dict: ("a mapping", _MEND),
    ast.Set: ("a set", "write a list: `[a, b]`"),
    ast.Tuple: ("a tuple", "write a list: `[a, b]`"),
    ast.Slice: ("a slice", "take one item: `list[0]`"),
    ast.Starred: ("a `*` that unpacks a list", "min, max and sum take the list itself"),
}

_OPERATORS_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.BitXor: ("^", "write `**` for a power"),
    ast.BitOr: ("|", "write `or`"),
    ast.BitAnd: ("&", "write `and`"),
    ast.LShift: ("<<", "multiply by a power of 2"),
    ast.RShift: (">>", "divide by a power of 2, with `//`"),
    ast.MatMult: ("@", "write `*` to multiply"),
    ast.Invert: ("~", "write `not`"),
    ast.Is: ("is", "write `==`"),
    ast.IsNot: ("is not", "write `!=`"),
}


class _Reader:
    """Turns a tree into a function of the variables, part by part."""

    def __init__(self, text: str) -> None:
        self.text = text
        line = _one_line(text)
        self.start = len(line) - len(line.lstrip(" "))
        self.bytes = text[self.start :].encode("utf-8")
        self.names: set[str] = set()
        self.parts = 0
        self.nesting = 0

    def piece(self, node: ast.expr) -> _Piece:
        """Return the text of a part; Python counts its columns in bytes."""
        before = self.bytes[: node.col_offset].decode("utf-8")
        inside = self.bytes[node.col_offset : node.end_col_offset].decode("utf-8")
        return _Piece(inside, self.start + len(before))

    def read(self, node: ast.expr) -> Run:
        """Return the function that works a part out."""
        self.parts += 1
        self.nesting += 1
        if self.parts > MAX_PARTS:
            message = f"the expression has more than {MAX_PARTS} parts"
            raise ExpressionError(message, mend="name some of them under `vars:`")
        if self.nesting > MAX_NESTING:
            message = f"the expression is nested more than {MAX_NESTING} deep"
            raise ExpressionError(message, mend="name some of its parts under `vars:`")
        read = _READERS.get(type(node))
        if read is None:
            kind, mend = _REFUSED.get(type(node), ("something of Python's", _MEND))
            self.piece(node).refuse(f"{{}} is {kind}, which an expression may not hold", mend)
        run = read(self, node)
        self.nesting -= 1
        return run

    def operator(self, node: ast.expr, sign: ast.AST, known: Mapping[type[ast.AST], Any]) -> Any:
        """Return what is known of an operator, or refuse it."""
        if type(sign) not in known:
            shown, mend = _OPERATORS_REFUSED[type(sign)]
            self.piece(node).refuse(f"{{}} holds the operator `{shown}`, which is not known here", mend)
        return known[type(sign)]


def _read_constant(reader: _Reader, node: ast.Constant) -> Run:
    value, piece = node.value, reader.piece(node)
    if not isinstance(value, (int, float, str, type(None))):
        piece.refuse("{} is no number that an expression may hold", _MEND)
    value = _bounded(value, piece)
    return lambda _: value


def _read_name(reader: _Reader, node: ast.Name) -> Run:
    name, piece = node.id, reader.piece(node)
    if name in _CONSTANTS:
        constant = _CONSTANTS[name]
        return lambda _: constant
    reader.names.add(name)

    def run(variables: Mapping[str, Any]) -> Any:
        if name in variables:
            return _bounded(variables[name], piece)
        if name in FUNCTIONS:
            piece.refuse("{} is a function", f"write what it is of: {name}(…)")
        mend = did_you_mean(name, variables) or "variables are given under `vars:`"
        return piece.refuse("{} is no variable", mend)

    return run


def _read_unary(reader: _Reader, node: ast.UnaryOp) -> Run:
    operand, piece = reader.read(node.operand), reader.piece(node.operand)
    if isinstance(node.op, ast.Not):
        return lambda variables: not _truth(operand(variables), piece)
    work = reader.operator(node, node.op, {ast.USub: operator.neg, ast.UAdd: operator.pos})
    return lambda variables: _on_others(work, piece, _number(operand(variables), piece))


def _read_binary(reader: _Reader, node: ast.BinOp) -> Run:
    work = reader.operator(node, node.op, _ARITHMETIC)
    left, left_piece = reader.read(node.left), reader.piece(node.left)
    right, right_piece = reader.read(node.right), reader.piece(node.right)
    piece = reader.piece(node)

    def run(variables: Mapping[str, Any]) -> Any:
        a = _number(left(variables), left_piece)
        b = _number(right(variables), right_piece)
        return _bounded(work(a, b, piece), piece)

    return run


def _read_logic(reader: _Reader, node: ast.BoolOp) -> Run:
    parts = [(reader.read(value), reader.piece(value)) for value in node.values]
    join = all if isinstance(node.op, ast.And) else any
    return lambda variables: join(_truth(part(variables), piece) for part, piece in parts)


def _read_comparison(reader: _Reader, node: ast.Compare) -> Run:
    works = [reader.operator(node, sign, _COMPARISONS) for sign in node.ops]
    first, *others = [(reader.read(part), reader.piece(part)) for part in (node.left, *node.comparators)]
    piece = reader.piece(node)

    def run(variables: Mapping[str, Any]) -> Any:
        held: Any = True
        left, left_piece = first[0](variables), first[1]
        for work, (part, part_piece) in zip(works, others, strict=True):
            right = part(variables)
            held = work(left, right, left_piece, part_piece)
            if len(works) > 1 and not _truth(held, piece):
                return False
            left, left_piece = right, part_piece
        return held

    return run


def _read_choice(reader: _Reader, node: ast.IfExp) -> Run:
    test, piece = reader.read(node.test), reader.piece(node.test)
    then, otherwise = reader.read(node.body), reader.read(node.orelse)
    return lambda variables: (then if _truth(test(variables), piece) else otherwise)(variables)


def _read_list(reader: _Reader, node: ast.List) -> Run:
    items = [reader.read(item) for item in node.elts]
    return lambda variables: [item(variables) for item in items]


def _read_item(reader: _Reader, node: ast.Subscript) -> Run:
    container, container_piece = reader.read(node.value), reader.piece(node.value)
    index, index_piece = reader.read(node.slice), reader.piece(node.slice)
    piece = reader.piece(node)

    def run(variables: Mapping[str, Any]) -> Any:
        items = _items(container(variables), container_piece)
        at = index(variables)
        if type(at) is not int:
            index_piece.refuse(
                f"{{}} is {_described(at, index_piece)}, not the number of an item", "items are counted from 0"
            )
        if not -len(items) <= at < len(items):
            message = f"{{}} is no item: the list has {count_noun(len(items), 'item')}"
            piece.refuse(message, f"they are counted from 0, and this is number {at:,}")
        return _bounded(items[at], piece)

    return run


def _read_call(reader: _Reader, node: ast.Call) -> Run:
    piece = reader.piece(node)
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        called = reader.piece(node.func)
        mend = did_you_mean(called.text, FUNCTIONS)
        called.refuse("{} is no function of an expression", mend)
    function = FUNCTIONS[node.func.id]
    given = dict(zip(function.parameters, node.args, strict=False))
    given |= {word.arg: word.value for word in node.keywords if word.arg and word.arg not in given}
    extra = node.args[len(function.parameters) :]
    is_named = len(given) + len(extra) == len(node.args) + len(node.keywords) and set(given) <= {*function.parameters}
    if not is_named or len(given) < function.required or (extra and not function.takes_more):
        piece.refuse("{} is not how the function is called", f"write {function.usage}")
    argument = given.get("x")
    if node.func.id in _ROUNDED_QUOTIENTS and isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Div):
        return _read_rounded_quotient(reader, argument, _ROUNDED_QUOTIENTS[node.func.id])
    names = [*given, *([""] * len(extra))]
    parts = [(reader.read(part), reader.piece(part)) for part in (*given.values(), *extra)]

    def run(variables: Mapping[str, Any]) -> Any:
        arguments = [_Argument(name, part(variables), its) for name, (part, its) in zip(names, parts, strict=True)]
        return _bounded(function.work(arguments, piece), piece)

    return run


def _read_rounded_quotient(reader: _Reader, node: ast.BinOp, work: Callable[[Any, Any], Any]) -> Run:
    """Read `ceil(a / b)` or `floor(a / b)` as one exact operation, which dimensions of every kind have."""
    left, left_piece = reader.read(node.left), reader.piece(node.left)
    right, right_piece = reader.read(node.right), reader.piece(node.right)
    piece = reader.piece(node)

    def run(variables: Mapping[str, Any]) -> Any:
        a, b = _number(left(variables), left_piece), _number(right(variables), right_piece)
        result = _bounded(_divided(work, a, b, piece), piece)
        return int(result) if isinstance(result, float) else result

    return run


_READERS: dict[type[ast.expr], Callable[[_Reader, Any], Run]] = {
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


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _described(value: Any, piece: _Piece) -> str:
    """Say what a value is: itself where its piece is a name or a calculation, its kind where it stands there."""
    if value is None:
        return "nothing"
    written = isinstance(value, (int, float, str)) and piece.text.lower() in (str(value).lower(), repr(value).lower())
    if isinstance(value, bool):
        return "a condition" if written else f"{value}".lower()
    if isinstance(value, str):
        return "a text" if written else f"the text '{_short(value)}'"
    if isinstance(value, (int, float)):
        return "a number" if written else f"{value:,}"
    return "a list" if isinstance(value, (list, tuple)) else f"a value of type {type(value).__name__}"


def _is_plain(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_other_number(value: Any) -> bool:
    """Tell whether a value is a dimension that is no plain number: traced, a symbol, an array."""
    return not isinstance(value, (int, float, str, list, tuple, dict, type(None)))


def _number(value: Any, piece: _Piece) -> Any:
    if _is_plain(value) or _is_other_number(value):
        return value
    mend = f"write `1 if {piece.text} else 0` for a number" if isinstance(value, bool) else ""
    return piece.refuse(f"{{}} is {_described(value, piece)}, not a number", mend)


def _truth(value: Any, piece: _Piece) -> bool:
    if isinstance(value, bool):
        return value
    if _is_other_number(value):
        return bool(_on_others(bool, piece, value))
    mend = "compare it, as in `i > 0`" if _is_plain(value) else ""
    return piece.refuse(f"{{}} is {_described(value, piece)}, not true or false", mend)


def _items(value: Any, piece: _Piece) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        piece.refuse(f"{{}} is {_described(value, piece)}, not a list")
    return value


def _bounded(value: Any, piece: _Piece) -> Any:
    """Return the value if it is within the limits."""
    if isinstance(value, (int, float)):
        if not -MAX_SIZE <= value <= MAX_SIZE:  # false for nan, too
            piece.refuse("{} is beyond any size: numbers reach 10**18")
    elif isinstance(value, (list, tuple)) and len(value) > MAX_ITEMS:
        piece.refuse(f"{{}} is a list of {len(value):,} items: at most {MAX_ITEMS:,}")
    return value


def _on_others(work: Callable[..., Any], piece: _Piece, *values: Any) -> Any:
    """Do the work on numbers of any kind; not every kind can do all of it."""
    try:
        return work(*values)
    except (TypeError, ValueError, AttributeError, ArithmeticError):
        kinds = " and ".join(dict.fromkeys(type(value).__name__ for value in values))
        return piece.refuse(f"{{}} cannot be worked out on {kinds}")


# ── arithmetic ────────────────────────────────────────────────────────────────────────────────────────────────────


def _simple(work: Callable[[Any, Any], Any]) -> Callable[[Any, Any, _Piece], Any]:
    return lambda a, b, piece: _on_others(work, piece, a, b)


def _divided(work: Callable[[Any, Any], Any], a: Any, b: Any, piece: _Piece) -> Any:
    if _is_plain(b) and b == 0:
        piece.refuse("{} divides by zero")
    return _on_others(work, piece, a, b)


def _quotient_of(a: Any, b: Any) -> Any:
    """Return a / b; an int where two ints divide without rest."""
    return a // b if type(a) is int and type(b) is int and a % b == 0 else a / b


def _power(a: Any, b: Any, piece: _Piece) -> Any:
    if not _is_plain(b):
        piece.refuse("{} has an exponent that is no plain number")
    if abs(b) > MAX_EXPONENT:
        piece.refuse(f"the exponent of {{}} is {b:,}: at most {MAX_EXPONENT}")
    if _is_plain(a) and a == 0 and b < 0:
        piece.refuse("{} divides by zero")
    if _is_plain(a) and a < 0 and b != int(b):
        piece.refuse("{} is no real number")
    try:
        return a**b
    except OverflowError:
        return math.inf  # refused as too large
    except (TypeError, ValueError, AttributeError):
        return piece.refuse(f"{{}} cannot be worked out on {type(a).__name__}")


_ARITHMETIC: dict[type[ast.AST], Callable[[Any, Any, _Piece], Any]] = {
    ast.Add: _simple(operator.add),
    ast.Sub: _simple(operator.sub),
    ast.Mult: _simple(operator.mul),
    ast.Div: lambda a, b, piece: _divided(_quotient_of, a, b, piece),
    ast.FloorDiv: lambda a, b, piece: _divided(operator.floordiv, a, b, piece),
    ast.Mod: lambda a, b, piece: _divided(operator.mod, a, b, piece),
    ast.Pow: _power,
}


def _ordered(work: Callable[[Any, Any], Any]) -> Callable[[Any, Any, _Piece, _Piece], Any]:
    return lambda a, b, left, right: _on_others(work, left, _number(a, left), _number(b, right))


def _contained(a: Any, b: Any, left: _Piece, right: _Piece) -> bool:
    return bool(_on_others(operator.contains, left, _items(b, right), a))


_COMPARISONS: dict[type[ast.AST], Callable[[Any, Any, _Piece, _Piece], Any]] = {
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.Eq: lambda a, b, left, _: _on_others(operator.eq, left, a, b),
    ast.NotEq: lambda a, b, left, _: _on_others(operator.ne, left, a, b),
    ast.In: _contained,
    ast.NotIn: lambda a, b, left, right: not _contained(a, b, left, right),
}


# ── functions ─────────────────────────────────────────────────────────────────────────────────────────────────────


class _Argument(NamedTuple):
    name: str
    value: Any
    piece: _Piece

    def number(self) -> Any:
        return _number(self.value, self.piece)

    def plain(self) -> Any:
        """Return the argument as an int or a float."""
        value = self.number()
        if not _is_plain(value):
            self.piece.refuse(f"{{}} is {_described(value, self.piece)}, not a plain number")
        return value


class Function(NamedTuple):
    """A function that expressions may call."""

    usage: str
    work: Callable[[list[_Argument], _Piece], Any]
    parameters: tuple[str, ...]
    required: int = 1
    takes_more: bool = False


def _several(arguments: list[_Argument], piece: _Piece) -> list[Any]:
    """Return the numbers of `f(a, b, c)` or of `f(list)`."""
    if len(arguments) > 1 or not isinstance(arguments[0].value, (list, tuple)):
        return [argument.number() for argument in arguments]
    values = _items(_bounded(arguments[0].value, arguments[0].piece), arguments[0].piece)
    if not values:
        piece.refuse("{} is of an empty list")
    return [_number(value, arguments[0].piece) for value in values]


def _sum(arguments: list[_Argument], piece: _Piece) -> Any:
    first = arguments[0]
    total: Any = 0
    for value in _items(_bounded(first.value, first.piece), first.piece):
        total = _bounded(_on_others(operator.add, piece, total, _number(value, first.piece)), piece)
    return total


def _ceil(arguments: list[_Argument], piece: _Piece) -> Any:
    value = arguments[0].number()
    return math.ceil(value) if _is_plain(value) else _on_others(dims.ceil_div, piece, value, 1)


def _floor(arguments: list[_Argument], piece: _Piece) -> Any:
    value = arguments[0].number()
    return math.floor(value) if _is_plain(value) else _on_others(operator.floordiv, piece, value, 1)


def _round(arguments: list[_Argument], piece: _Piece) -> Any:
    value = arguments[0].number()
    if len(arguments) == 1:
        return _on_others(round, piece, value)
    digits = arguments[1].value
    if type(digits) is not int or abs(digits) > _MOST_DIGITS:
        arguments[1].piece.refuse(f"{{}} is no number of digits: from -{_MOST_DIGITS} to {_MOST_DIGITS}")
    return _on_others(round, piece, value, digits)


_MOST_DIGITS = 18


def _make_divisible(arguments: list[_Argument], piece: _Piece) -> Any:
    """Return the multiple nearest to a number, never less than 9/10 of it.

    Source: `_make_divisible` of tensorflow/models, research/slim/nets/mobilenet/mobilenet.py.
    """
    given = {argument.name: argument for argument in arguments}
    value = given["v"].plain()
    divisor = given["divisor"].plain() if "divisor" in given else 8
    least = divisor
    if "min_value" in given and given["min_value"].value is not None:
        least = given["min_value"].plain()
    if divisor <= 0 or divisor != int(divisor):
        piece.refuse(f"{{}} has the divisor {divisor:,}: a whole number from 1 on is due")
    divisor = int(divisor)
    result = max(least, int(value + divisor / 2) // divisor * divisor)
    return result + divisor if result < 0.9 * value else result


def _length(arguments: list[_Argument], _: _Piece) -> int:
    return len(_items(arguments[0].value, arguments[0].piece))


def _extreme(work: Callable[[Any, Any], Any]) -> Callable[[list[_Argument], _Piece], Any]:
    return lambda arguments, piece: _on_others(lambda values: reduce(work, values), piece, _several(arguments, piece))


_ROUNDED_QUOTIENTS: dict[str, Callable[[Any, Any], Any]] = {"ceil": dims.ceil_div, "floor": operator.floordiv}

FUNCTIONS: dict[str, Function] = {
    "ceil": Function("ceil(x)", _ceil, ("x",)),
    "floor": Function("floor(x)", _floor, ("x",)),
    "len": Function("len(list)", _length, ("list",)),
    "make_divisible": Function("make_divisible(v, divisor, min_value)", _make_divisible, ("v", "divisor", "min_value")),
    "max": Function("max(a, b) or max(list)", _extreme(dims.maximum), ("a",), takes_more=True),
    "min": Function("min(a, b) or min(list)", _extreme(dims.minimum), ("a",), takes_more=True),
    "round": Function("round(x) or round(x, digits)", _round, ("x", "digits")),
    "sum": Function("sum(list)", _sum, ("list",)),
}
"""The functions that expressions may call, by name."""
