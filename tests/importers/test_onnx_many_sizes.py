"""Questions about many sizes at once, to ONNX files that fix a size."""

from __future__ import annotations

import pytest
from crafted_onnx import FLOAT, INT64, model, node, tensor, value, write
from running import run

import shapecalc
from shapecalc.errors import UsageError


def loaded(nodes, size, weights):
    return shapecalc.load(model(nodes, [value("x", size)], [value("y", None)], weights=weights))


def fixed(*target):
    """A convolution, and a Reshape to a target in the file."""
    nodes = [node("Conv", ["x", "w"], ["a"], "conv", pads=[1, 1, 1, 1]), node("Reshape", ["a", "to"], ["y"], "fixed")]
    weights = [tensor("w", [4, 3, 3, 3]), tensor("to", [len(target)], target, INT64)]
    return model(nodes, [value("x", [1, 3, 64, 64])], [value("y", None)], weights=weights)


@pytest.mark.parametrize("target", [(1, 4, 4096), (1, 2, 2, 64, 64), (1, 16384), (4, 8, 512)])
def test_a_reshape_to_sizes_in_the_file_holds_for_one_size(target, tmp_path):
    network = shapecalc.load(fixed(*target))
    for question in (network.legal_sizes, network.formula):
        with pytest.raises(
            UsageError, match=r"^fixed of <bytes> has numbers that are right for one size of the input only"
        ):
            question()
    done = run("sizes", str(write(tmp_path, fixed(*target))))
    assert (done.status, done.out) == (2, "")
    assert "work out each size by itself" in done.err


def test_a_target_that_follows_the_size_holds_for_all():
    assert 96 in shapecalc.load(fixed(1, 4, -1)).legal_sizes().axes[0].legal


def pyramid(*more, weights=()):
    """A map that is 64 times smaller, resized and added to what it was made of: it fits multiples of 64."""
    nodes = [
        node("MaxPool", ["x"], ["p"], kernel_shape=[64, 64], strides=[64, 64]),
        node("Resize", ["p", "", "scales"], ["u"]),
        node("Add", ["x", "u"], ["s"], "sum"),
        *more,
    ]
    return loaded(nodes, [1, 3, 64, 64], [tensor("scales", [4], [1, 1, 64, 64], FLOAT), *weights])


def test_layers_behind_one_that_fits_few_sizes_are_compared_too():
    legal = pyramid(node("Relu", ["s"], ["y"])).legal_sizes().axes[0].legal
    assert 128 in legal
    assert 96 not in legal
    with pytest.raises(UsageError, match=r"^fixed of <bytes> has numbers that are right for one size"):
        pyramid(
            node("Reshape", ["s", "to"], ["y"], "fixed"), weights=[tensor("to", [3], [1, 3, 4096], INT64)]
        ).legal_sizes()


def test_windows_that_do_not_fit_some_sizes_are_no_difference():
    nodes = [node("Conv", ["x", "w"], ["y"], strides=[4, 4])]
    legal = loaded(nodes, [1, 3, 11, 11], [tensor("w", [8, 3, 11, 11])]).legal_sizes().axes[0].legal
    assert 15 in legal
    assert 10 not in legal
