"""Caffe nets that Caffe refuses, or that are strange: what is said of them."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from test_caffe import loaded, of_size

from shapecalc.errors import ShapecalcError

MAP = of_size(1, 3, 8, 8)


def layer(type_, *bottoms, top="y", more="", name="x"):
    tops = "".join(f' top: "{one}"' for one in ([top] if isinstance(top, str) else top))
    inputs = "".join(f' bottom: "{one}"' for one in bottoms)
    return f'layer {{ name: "{name}" type: "{type_}"{inputs}{tops} {more} }}\n'


def error_of(text):
    with pytest.raises(ShapecalcError) as error:
        loaded(text).infer()
    return str(error.value)


def warned(text):
    return [str(problem) for problem in loaded(text).warnings]


# Time and memory.


def test_deep_names_are_cut():
    name = "/".join(["a"] * 16_000)
    tracemalloc.start()
    network = loaded(MAP + "".join(layer("ReLU", "data", top=f"y{i}", name=f"{name}/{i}") for i in range(3)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25
    (first, *_) = network.graph.nodes
    assert first.name.endswith("a/0")
    assert len(network.graph.blocks) == 24
    assert first.name.count("a") == 16_000, "what is deeper stays in the last name"


def test_many_outputs_of_one_layer():
    start = time.process_time()
    tops = [f"t{i}" for i in range(50_000)]
    report = loaded(MAP + layer("Split", "data", top=tops) + layer("ReLU", "t7")).infer()
    assert time.process_time() - start < 10
    assert [row.kind for row in report.rows] == ["relu"]
    assert "its output t3 (top) is that of another layer too" in error_of(
        MAP + layer("Split", "data", top=["t1", "t3", "t3"])
    )


def test_warnings_are_counted_where_there_are_many():
    found = warned(MAP + layer("ReLU", "data", more=" ".join(f"f{i}: 1" for i in range(5_000))))
    assert len(found) == 21
    assert "a layer has no field f0:" in found[0]
    assert found[-1] == "4,980 more warnings like these are not listed"
