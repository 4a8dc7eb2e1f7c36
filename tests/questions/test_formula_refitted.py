"""How numbers of layers follow from the length of an input, found by reading a file with several."""

from __future__ import annotations

import pytest

from shapecalc.questions.formula.refitted import _grown, _growth


@pytest.mark.parametrize("number", [
    lambda n: 3 * n + 1, lambda n: n * n, lambda n: (n, 4, n * (n + 1)), lambda n: (1, n - 2),
])  # fmt: skip
@pytest.mark.parametrize("step", [1, 2, 8])
def test_polynomials_of_the_length(number, step):
    growth = _growth([number(8 + i * step) for i in range(4)], 8, step)
    for size in (8, 9, 20, 31):
        assert _grown(number(8), growth, size) == number(size)


@pytest.mark.parametrize("values", [(1, 2, 4, 8), (8, 4, 2, 1), ("a", "b", "c", "d"), ((1,), (1, 2), (1, 2), (1, 2))])
def test_what_is_no_polynomial(values):
    with pytest.raises(ValueError, match=r"^\("):
        _growth(values, 8, 1)
