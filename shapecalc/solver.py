"""Questions asked backwards, of a kind or of a specification: `shapecalc.solve`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, ShapecalcError, UsageError, count_noun
from shapecalc.language.files import locate
from shapecalc.layers import find_kind
from shapecalc.layers.base.window import ranks_text
from shapecalc.network import Network, load
from shapecalc.questions.solve import BUDGETS, INPUT, find_fixes, read_budget, read_range, solve_budget, solve_window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.graph import Graph
    from shapecalc.questions.solve import BudgetSolutions, Fixes, WindowSolutions

__all__ = ["fix", "kind_of", "read_range", "solve"]


def solve(  # noqa: PLR0913  (one for each word of the question)
    target: Any,
    *,
    input: Any = None,  # noqa: A002  (the word of the command)
    output: Any = None,
    find: Mapping[str, Any] | Iterable[str] = (),
    params: Any = None,
    macs: Any = None,
    memory: Any = None,
    bits: int = 32,
    fix: bool = False,
    vars: Mapping[str, Any] | None = None,  # noqa: A002
    **fixed: Any,
) -> WindowSolutions | BudgetSolutions | Fixes:
    """Return what gives an answer that is wanted.

    - `solve("conv", input=227, output=55, stride=4)`: the arguments of a kind that give an output size.
    - `solve("unet", find=["width"], params="5M")`: the variables that meet budgets of `params`, `macs`, `memory`;
      `find={"width": range(16, 129, 8), "input": None}` says which values to try, fractions too. `memory` is what
      `shapecalc memory` totals, with `bits` for a number.
    - `solve("mine.yaml", fix=True)`: the smallest changes that make a specification right.

    Errors: `UsageError` for a question that is none; as `load`.
    """
    cls = kind_of(target)
    if cls is not None:
        if input is None or output is None:
            raise UsageError(
                Problem(f"to solve {cls.kind} say what goes in and what comes out", mend="input=227, output=55")
            )
        sizes = _sizes(input)
        _check_rank(cls, target, len(sizes))
        return solve_window(cls, sizes, _sizes(output), fixed)
    if fixed:
        raise UsageError(Problem(f"{next(iter(fixed))} is an argument of a kind of layer, and {target} is none"))
    network = load(target, input=input, vars=vars)
    if fix:
        return _fixes(network)
    given = {"params": params, "macs": macs, "memory": memory}
    budgets = {what: read_budget(what, amount) for what, amount in given.items() if amount is not None}
    if not budgets:
        raise UsageError(Problem(f"say which budget {network.name} has to meet", mend=", ".join(BUDGETS)))
    wanted: dict[str, Any] = dict(find) if isinstance(find, Mapping) else dict.fromkeys(find)
    if not wanted:
        known = ", ".join([*network.graph.variables, INPUT])
        raise UsageError(Problem("say which variables to find", mend=f"there are {known}"))
    return solve_budget(network.graph, network.rebuilt, wanted, budgets, bits=bits)


def fix(spec: Any) -> Fixes:
    """Return the smallest changes that make a specification right. Errors: as `load`."""
    return _fixes(load(spec))


def kind_of(target: Any) -> type[Layer] | None:
    """Return the kind of layer that a target names; None for a specification, which goes first where both are there."""
    if not isinstance(target, str) or "\n" in target:
        return None
    try:
        locate(target)
    except ShapecalcError:
        return find_kind(target)
    return None


def _check_rank(cls: type[Layer], word: str, rank: int) -> None:
    """Refuse another number of sizes than the name of a kind states."""
    ranks = cls.ranks_under(word)
    if ranks and not cls.expects_rank(rank, word):
        raise UsageError(f"{word} needs {ranks_text(ranks)}, but its input has {count_noun(rank, 'size')}")


def _sizes(given: Any) -> tuple[int, ...]:
    from shapecalc.network import parse_sizes  # noqa: PLC0415

    return parse_sizes([given] if isinstance(given, int) else given)


def _fixes(network: Network) -> Fixes:
    def reread(text: str) -> Graph | None:
        try:
            return network.reread(text).graph
        except ShapecalcError:
            return None

    return find_fixes(network.graph, reread)
