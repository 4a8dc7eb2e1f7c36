"""The architecture: imports only go down, heavy libraries load only when used, the public API is as documented."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import shapecalc

PACKAGE = Path(shapecalc.__file__).parent

# From top to bottom, as in CONTRIBUTING. A module imports only from parts below its own, or from its own.
FLOORS = [
    "__main__",
    "cli",
    "server",
    "editor",
    "renderers",
    "network",
    "questions",
    "language",
    "importers",
    "exporters",
    "checkpoints",
    "model",
    "layers",
    "source",
    "dims",
    "text",
    "files",
    "collection",
    "errors",
    "suggestions",
    "escaping",
]
FLOOR = {room: len(FLOORS) - number for number, room in enumerate(FLOORS)}

# Imports upwards, each with its reason.
EXCEPTIONS = {
    ("shapecalc.model.answer", "shapecalc.renderers"): "a notebook asks an answer itself for its HTML",
}

# Which part may import which library.
LIBRARIES = {"yaml": {"source"}, "rich": {"renderers"}, "sympy": {"dims", "questions"}, "numpy": {"dims", "questions"},
             "click": {"cli"}, "pygls": {"editor"}, "lsprotocol": {"editor"},
             "starlette": {"server"}, "uvicorn": {"server"}}  # fmt: skip

FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def name_of(path: Path) -> str:
    return ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def part_of(path: Path) -> str:
    return room_of(name_of(path))


def room_of(module: str) -> str:
    return (*module.split("."), "")[1]


@cache
def imports_of(path: Path) -> set[str]:
    """Every module that a file imports: at its top, in a function, for type checking alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
    return found


MODULES = {name_of(path) for path in FILES}


@cache
def arrows_of_all() -> dict[str, set[str]]:
    """The modules of the package that each one imports."""
    return {name_of(path): imports_of(path) & MODULES - {name_of(path)} for path in FILES}


def arrows_up(arrows: dict[str, set[str]]) -> list[tuple[str, str]]:
    return [
        (module, other)
        for module, others in arrows.items()
        for other in sorted(others)
        if FLOOR[room_of(other)] > FLOOR[room_of(module)] and (module, other) not in EXCEPTIONS
    ]


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module (Tarjan 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in sorted(arrows.get(module, ())):
            if (module, other) in EXCEPTIONS:
                continue
            if other not in number:
                visit(other)
            if other in stack:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            component = stack[stack.index(module) :]
            del stack[-len(component) :]
            if len(component) > 1:
                found.append(sorted(component))

    for module in sorted(arrows):
        if module not in number:
            visit(module)
    return found


def test_every_module_has_a_layer():
    assert {part_of(path) for path in FILES} <= set(FLOOR)


def test_imports_only_go_down():
    assert arrows_up(arrows_of_all()) == []


def test_imports_have_no_cycles():
    assert circles(arrows_of_all()) == []


def test_those_tests_can_fail():
    up = {"shapecalc.dims": {"shapecalc.language.builder"}}
    assert arrows_up(up) == [("shapecalc.dims", "shapecalc.language.builder")]
    ring = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": set()}
    assert circles(ring) == [["a", "b", "c"]]


def test_each_exception_is_still_needed():
    assert [arrow for arrow in EXCEPTIONS if arrow[1] not in arrows_of_all()[arrow[0]]] == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_is_imported_from_one_module(library):
    users = {part_of(path) for path in FILES if library in {name.split(".")[0] for name in imports_of(path)}}
    assert users <= LIBRARIES[library]


# Where files are opened but through `files.input_file`, which keeps a command from overwriting what it has read.
OPENING = {
    "shapecalc.files": "it is the one place",
    "shapecalc.cli": "the null device, in place of a stream that is closed",
    "shapecalc.language.files": "the names in bundled specifications, which are not read",
    "shapecalc.questions.sweep.files": "the file that a sweep continues is its own",
}


def files_opened(tree: ast.AST) -> list[int]:
    """The lines that open a file by a function of Python."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        call.lineno
        for call in calls
        if (isinstance(call.func, ast.Name) and call.func.id == "open")
        or (isinstance(call.func, ast.Attribute) and ast.unparse(call.func) in ("io.open", "os.fdopen", "codecs.open"))
    ]


def test_every_file_is_read_through_one_function():
    opening = {name_of(path) for path in FILES if files_opened(ast.parse(path.read_text(encoding="utf-8")))}
    assert opening == set(OPENING)
    assert files_opened(ast.parse("with io.open(path) as a, open(path) as b: os.fdopen(1)")) == [1, 1, 1]


@pytest.mark.slow
def _scopes(tree):
    """Yield the statements of a module, and of each function in it, that import anything at run time."""
    for scope in ast.walk(tree):
        if isinstance(scope, (ast.Module, ast.FunctionDef)):
            inner = [scope]
            found = []
            while inner:
                for node in ast.iter_child_nodes(inner.pop()):
                    if isinstance(node, (ast.Import, ast.ImportFrom)):
                        found.append(node)
                    elif not isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not _is_for_types(node):
                        inner.append(node)
            yield sorted(found, key=lambda node: node.lineno)


def _is_for_types(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _names_of(node):
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def parts_before_rooms(path, tree):
    """Return what a module imports of a question's room before the room itself, from outside it."""
    own = name_of(path)
    found = []
    for imports in _scopes(tree):
        rooms = set()
        for name in (name for node in imports for name in _names_of(node)):
            room = ".".join(name.split(".")[:3])
            if name == room:
                rooms.add(room)
            elif name.startswith("shapecalc.questions.") and not own.startswith(room) and room not in rooms:
                found.append(f"{own}: {name}")
    return found


def test_a_room_is_loaded_before_a_part_of_it():
    """A thread that imports a part holds its lock while it waits for the room, which may wait for that part.

    Renderers have an answer of the room, so that it is loaded; a command has one thread.
    """
    reached = [path for path in FILES if not name_of(path).startswith(("shapecalc.renderers", "shapecalc.cli"))]
    found = [each for path in reached for each in parts_before_rooms(path, ast.parse(path.read_text("utf-8")))]
    assert found == ["shapecalc.questions.speed.decoding: shapecalc.questions.memory.cache",
                     "shapecalc.questions.speed.decoding: shapecalc.questions.memory.plan",
                     "shapecalc.questions.speed.decoding: shapecalc.questions.memory.serving",
                     "shapecalc.questions.speed.decoding: shapecalc.questions.memory.weights.stored_bytes",
                     "shapecalc.questions.speed.work: shapecalc.questions.memory.plan",
                     "shapecalc.questions.speed.work: shapecalc.questions.memory.weights.stored_bytes",
                     ], "after their own room"  # fmt: skip


def test_public_class_names_are_unique():
    places = {}
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def test_the_public_api():
    assert len(shapecalc.__all__) <= 14  # a dozen, and what reads models of two frameworks
    assert sorted(shapecalc.__all__) == shapecalc.__all__
    for name in shapecalc.__all__:
        assert getattr(shapecalc, name).__doc__, name
    assert set(shapecalc.__all__) <= set(dir(shapecalc))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        shapecalc.nothing  # noqa: B018


# Files of more than 330 lines, each with the reason why it is one.
LONG = {
    "shapecalc.errors": "marks, problems and errors: each uses the ones before",
    "shapecalc.language.compilation": "one document to one graph: the steps of one class, in order",
    "shapecalc.layers.base.layer": "the contract of a kind: one class, nearly all of it docstrings",
    "shapecalc.layers.kinds.norm": "one family, whose kinds differ in the axes of their statistics, and in who keeps them",
    "shapecalc.network": "what the library offers: signatures, docstrings, and the errors of each",
    "shapecalc.questions.solve.budgets": "one search, whose steps share their state",
}


def test_long_files_have_a_reason():
    assert {name_of(path) for path in FILES if path.read_text("utf-8").count("\n") > 330} == set(LONG)
