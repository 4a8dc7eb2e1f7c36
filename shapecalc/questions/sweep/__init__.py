"""Sweeps: every combination of variables and input sizes, and the costs of each network. Needs numpy.

    vars, input ──plan──▶ Grid of axes ──cells──▶ arrays over the variants ──result──▶ Sweep ──selection──▶ fewer rows

A variant is a row. Formulas run on columns of numbers (`dims.columns`), whatever changes the structure of the network
is tried value by value, and every row equals the result of inference.
"""

from __future__ import annotations

from shapecalc.dims import columns as _columns  # noqa: F401  (its error says how to install numpy)
from shapecalc.questions.sweep.plan import SweepPlan, joined, make_plan
from shapecalc.questions.sweep.result import Sweep

__all__ = ["Sweep", "SweepPlan", "joined", "make_plan"]
