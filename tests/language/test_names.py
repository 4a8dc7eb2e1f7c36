"""The names of parameters in transformers, as families declare them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from record_parameter_shapes import expanded, folded, record
from searching import some

import shapecalc
from shapecalc.language.configs import model_types

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "parameter_shapes.json").read_text("utf-8"))["models"]


def written(folder: Path, config: object) -> str:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("number", some(range(len(RECORDED)), 40))
def test_names_and_sizes_are_those_of_transformers(number: int, tmp_path: Path) -> None:
    model = RECORDED[number]
    report = shapecalc.load(written(tmp_path, model["config"]), input=[6]).infer()
    assert report.parameter_shapes("library") == expanded(model["shapes"])


def test_every_type_is_recorded() -> None:
    recorded = {model["config"]["model_type"] for model in RECORDED}
    assert recorded == set(model_types())
    assert sum("name" in model for model in RECORDED) == 20


def test_the_record_is_compact_without_loss() -> None:
    shapes = {"a.0.w": [1], "a.1.w": [1], "a.3.w": [1], "a.0.v": [2], "b": [3], "c.0.d.1.w": [1], "c.1.d.1.w": [1]}
    assert len(folded(shapes)) == 5
    assert expanded(folded(shapes)) == {name: tuple(shape) for name, shape in shapes.items()}


@pytest.mark.elsewhere
def test_the_record_is_that_of_the_installed_transformers() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    assert record()["models"] == [model for model in RECORDED if "name" not in model]


def test_names_of_the_report_are_those_of_layers_and_weights() -> None:
    shapes = shapecalc.load("alexnet").infer().parameter_shapes()
    assert list(shapes.items())[:2] == [("conv1.weight", (96, 3, 11, 11)), ("conv1.bias", (96,))]


def test_shared_parameters_count_once() -> None:
    report = shapecalc.load("gpt2").infer()
    assert not any(name.startswith("lm_head") for name in report.parameter_shapes())
    assert report.tensor_shapes("shared") == {"lm_head.weight": (50257, 768)}


def test_a_network_without_names_of_a_library() -> None:
    with pytest.raises(shapecalc.UsageError, match="AlexNet has no names of a library"):
        shapecalc.load("alexnet").infer().parameter_shapes("library")
    with pytest.raises(shapecalc.UsageError, match="names is 'theirs'"):
        shapecalc.load("alexnet").infer().parameter_shapes("theirs")
