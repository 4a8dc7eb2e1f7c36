"""Inverse questions: arguments for an output size, settings for a budget, fixes for a network."""

from shapecalc.questions.solve.argument_change import ArgumentChange
from shapecalc.questions.solve.budgets import solve_budget
from shapecalc.questions.solve.fixes import Fix, Fixes, find_fixes
from shapecalc.questions.solve.quantities import BUDGETS, read_budget, read_question
from shapecalc.questions.solve.settings import INPUT, BudgetSolution, BudgetSolutions
from shapecalc.questions.solve.spans import Searched, read_range, read_values
from shapecalc.questions.solve.windows import (
    WindowSolution,
    WindowSolutions,
    slides,
    sliding_kinds,
    solve_window,
    spatial_part,
)

__all__ = [
    "BUDGETS",
    "INPUT",
    "ArgumentChange",
    "BudgetSolution",
    "BudgetSolutions",
    "Fix",
    "Fixes",
    "Searched",
    "WindowSolution",
    "WindowSolutions",
    "find_fixes",
    "read_budget",
    "read_question",
    "read_range",
    "read_values",
    "slides",
    "sliding_kinds",
    "solve_budget",
    "solve_window",
    "spatial_part",
]
