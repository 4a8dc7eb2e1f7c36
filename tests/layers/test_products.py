"""Matrix products and Einstein sums: laws, and PyTorch itself."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sizing import outputs, sized, torch_macs

from shapecalc.errors import LayerError


def test_a_matrix_product_is_an_einstein_sum() -> None:
    for shapes, equation in (
        ([(3, 4), (4, 5)], "ij,jk->ik"),
        ([(2, 3, 4), (2, 4, 5)], "hij,hjk->hik"),
        ([(3, 4), (4, 5)], "bij,bjk->bik"),
        ([(2, 3, 4), (2, 4, 5)], "...ij,...jk->...ik"),
    ):
        product, summed = sized("matmul", *shapes), sized("einsum", *shapes, equation=equation)
        assert (outputs(product), product.macs) == (outputs(summed), summed.macs)


def test_a_linear_layer_is_an_einstein_sum() -> None:
    linear = sized("linear", (10, 4), out_features=6, bias=False)
    summed = sized("einsum", (10, 4), (4, 6), equation="bld,de->ble")
    assert (outputs(linear), linear.macs) == (outputs(summed), summed.macs)


def test_a_linear_layer_is_einsum_dense() -> None:
    linear = sized("linear", (7, 10, 4), out_features=6)
    for equation, output in (("...x,xy->...y", [6]), ("nabc,cd->nabd", [-1, -1, 6]), ("abc,cd->abd", [7, 10, 6]),
                             ("na...c,cd->na...d", [-1, 6])):  # fmt: skip
        letter = equation[-1]
        dense = sized("einsum_dense", (7, 10, 4), equation=equation, output_shape=output, bias_axes=letter)
        assert outputs(dense) == outputs(linear)
        assert (dense.weights, dense.biases, dense.macs) == (linear.weights, linear.biases, linear.macs)


def test_transposing_twice_is_the_identity() -> None:
    plain = sized("matmul", (2, 3, 4), (2, 4, 5))
    turned = sized("matmul", (2, 4, 3), (2, 5, 4), transpose_a=True, transpose_b=True)
    assert (outputs(plain), plain.macs) == (outputs(turned), turned.macs)


@pytest.mark.parametrize(
    ("kind", "arguments", "shapes", "message"),
    [
        ("matmul", {}, [(3, 4), (5, 6)], "the first input's columns (=4) must equal the second input's rows (=5)"),
        ("matmul", {}, [(2, 3, 4), (3, 4, 5)], "a leading axis of the first input (=2) must be 1 or equal"),
        ("matmul", {"transpose_a": True}, [(4,), (4, 5)], "transpose_a needs an input of at least two axes"),
        ("einsum", {"equation": "ij,jk->ik"}, [(3, 4)], "has 2 terms, but there are 1 inputs"),
        ("einsum", {"equation": "ij,jk->ik"}, [(3, 4), (5, 6)], "axis j (=5) must equal axis j elsewhere (=4)"),
        ("einsum", {"equation": "ijkl->il"}, [(3, 4)], "input 1 has 2 axes, but its term ijkl names 4"),
        ("einsum", {"equation": "bij,cjk->bik"}, [(3, 4), (4, 5)], "the batch axis is b and c"),
        ("einsum", {"equation": "bij,bjk->ikb"}, [(3, 4), (4, 5)], "the batch axis b must come first in the output"),
        ("einsum", {"equation": "bij,bjk"}, [(3, 4), (4, 5)], "the batch axis b must come first in the output"),
        ("einsum", {"equation": "ij->ik"}, [(3, 4)], "names k, which no input has"),
        ("einsum", {"equation": "ij->ii"}, [(3, 4)], "names i more than once"),
        ("einsum", {"equation": "i1->i"}, [(3, 4)], "'1' where the letter of an axis is expected"),
        ("einsum", {"equation": "...ijk->i"}, [(3, 4)], "names 3 besides the ellipsis"),
    ],
)
def test_invalid_inputs(kind: str, arguments: dict[str, Any], shapes: list[tuple[int, ...]], message: str) -> None:
    from shapecalc.layers.base.layer import KINDS
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.inference import size_layer

    with pytest.raises(LayerError) as caught:
        size_layer(KINDS[kind](**arguments), tuple(Shape(sizes) for sizes in shapes))
    assert message in str(caught.value)


@pytest.mark.torch
def test_matrix_products_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(8)
    for _ in range(150):
        n, k, m = (rng.randint(1, 5) for _ in range(3))
        leading = [rng.randint(1, 4) for _ in range(rng.randint(0, 3))]
        a = [size if rng.random() < 0.7 else 1 for size in leading][rng.randint(0, len(leading)) :]
        b = [size if rng.random() < 0.7 else 1 for size in leading][rng.randint(0, len(leading)) :]
        left = (k,) if rng.random() < 0.2 else (*a, n, k)
        right = (k,) if rng.random() < 0.2 else (*b, k, m)
        expected = torch.matmul(torch.empty(left, device="meta"), torch.empty(right, device="meta")).shape
        assert outputs(sized("matmul", left, right)) == [tuple(expected)], (left, right)


@pytest.mark.torch
def test_einstein_sums_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(9)
    for _ in range(200):
        sizes = {letter: rng.randint(2, 5) for letter in "ijklm"}
        terms = ["".join(rng.sample("ijklm", rng.randint(1, 4))) for _ in range(rng.randint(1, 3))]
        known = sorted(set("".join(terms)))
        result = "".join(rng.sample(known, rng.randint(0, len(known))))
        shapes = [tuple(sizes[letter] for letter in term) for term in terms]
        tensors = [torch.randn(shape) for shape in shapes]
        equation = f"{','.join(terms)}->{result}"
        found = sized("einsum", *shapes, equation=equation)
        assert outputs(found) == [tuple(torch.einsum(equation, *tensors).shape)], equation
        if torch.backends.opt_einsum.is_available() is False or len(terms) < 3:
            assert found.macs == torch_macs(torch.einsum, equation, *tensors), equation
        batched = f"{','.join('b' + term for term in terms)}->b{result}"
        whole = sized("einsum", *shapes, equation=batched)
        assert (outputs(whole), whole.macs) == (outputs(found), found.macs)
