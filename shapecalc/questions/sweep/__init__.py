"""Sweeps: every combination of variables and input sizes, and what each network of them costs. Needs numpy.

    vars, input ──plan──▶ Grid of axes ──cells──▶ arrays over the variants ──result──▶ Sweep ──selection──▶ fewer rows

A variant is a row. Numbers go through the formulas as columns (`dims.columns`), whatever decides the structure of the
network is tried value by value, and no row differs from what inference gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import columns as _columns  # noqa: F401  (it says how to install numpy where that is missing)
from shapecalc.questions.sweep.plan import Plan, make_plan
from shapecalc.questions.sweep.result import Sweep, joined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

__all__ = ["Plan", "Sweep", "joined", "make_plan", "sweep"]


def sweep(
    spec: Any,
    *,
    vars: Mapping[str, Any] | None = None,  # noqa: A002  (the word of the specification)
    input: Any = None,  # noqa: A002
    where: str | None = None,
    executor: Executor | None = None,
) -> Sweep:
    """Return what every combination of variables and input sizes costs: a row each, columns as numpy arrays.

    `spec` is as for `load`. `vars` gives each variable a value, or several (a list, a range, an array); `input` is a
    size, a list of sizes, or a text such as `"3x{128:256:32}x="`; or a mapping of such for several inputs. `where`
    keeps the rows for which an expression holds: `"params < 5e6 and macs < 300e6"`. `executor` is any
    `concurrent.futures.Executor`: a process pool, or a Dask cluster's `client.get_executor()`.
    Errors: `UsageError`, `SpecError` where the specification itself is wrong; a variant that is wrong is a row that
    is not `valid`. `MissingExtraError` without numpy.
    """
    plan = make_plan(spec, vars or {}, input)
    condition = plan.condition(where) if where else None
    return joined(plan, [part.kept(condition) for part in plan.run(executor)])
