"""shapecalc: the size of every tensor of a neural network, the cost of every layer, and why.

>>> import shapecalc
>>> report = shapecalc.load("alexnet").infer()
>>> report["fc1"].in_features
9216

Nothing is loaded before it is used: `import shapecalc` costs next to nothing, and needs no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shapecalc.errors import ExpectationError, ShapecalcError, ShapeError, SpecError, UsageError
    from shapecalc.model.report import Report
    from shapecalc.network import Network, from_keras, from_torch, in_features, load, solve, sweep
    from shapecalc.questions.weights import weights

__version__ = "0.1.0"

__all__ = [
    "ExpectationError",
    "Network",
    "Report",
    "ShapeError",
    "ShapecalcError",
    "SpecError",
    "UsageError",
    "from_keras",
    "from_torch",
    "in_features",
    "load",
    "solve",
    "sweep",
    "weights",
]

_HOMES = {
    "ExpectationError": "errors",
    "Network": "network",
    "Report": "model.report",
    "ShapeError": "errors",
    "ShapecalcError": "errors",
    "SpecError": "errors",
    "UsageError": "errors",
    "from_keras": "network",
    "from_torch": "network",
    "in_features": "network",
    "load": "network",
    "solve": "network",
    "sweep": "network",
    "weights": "questions.weights",
}


_METHODS = (
    "check",
    "compare",
    "compare_weights",
    "convert",
    "diff",
    "explain",
    "formula",
    "infer",
    "legal_sizes",
    "memory",
    "receptive_field",
    "speed",
)
"""What users may look for here: a test compares it with `Network`."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        hint = f': load("alexnet").{name}() is a method of a network' if name in _METHODS else ""
        raise AttributeError(f"module 'shapecalc' has no attribute '{name}'{hint}")
    from importlib import import_module

    return getattr(import_module(f"shapecalc.{home}"), name)


def load_ipython_extension(shell: Any) -> None:
    """Add the cell magic `%%shapecalc` to a notebook: IPython calls this for `%load_ext shapecalc`."""
    from importlib import import_module

    import_module("shapecalc.cli.notebook").add_magic(shell)


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
