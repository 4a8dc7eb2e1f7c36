"""The names of parameters in transformers, as families declare them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from record_configs import CLASSES
from record_parameter_shapes import expanded, folded, record
from searching import some

import shapecalc
from shapecalc.language.configs import model_types
from shapecalc.model.naming import Naming, library_shapes

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "parameter_shapes.json").read_text("utf-8"))["models"]


def written(folder: Path, config: object) -> str:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("number", some(range(len(RECORDED)), 60))
def test_names_and_sizes_are_those_of_transformers(number: int, tmp_path: Path) -> None:
    model = RECORDED[number]
    report = shapecalc.load(written(tmp_path, model["config"])).infer()
    assert report.parameter_shapes("library") == expanded(model["shapes"])


def test_every_type_and_class_is_recorded() -> None:
    recorded = {model["config"]["model_type"] for model in RECORDED}
    assert recorded == set(model_types())  # so each of them states its names
    assert {name for names in CLASSES.values() for name in names} <= {
        name for model in RECORDED for name in model["config"]["architectures"]
    }
    assert sum("name" in model for model in RECORDED) == 33


def test_the_record_is_compact_without_loss() -> None:
    shapes = {"a.0.w": [1], "a.1.w": [1], "a.3.w": [1], "a.0.v": [2], "b": [3], "c.0.d.1.w": [1], "c.1.d.1.w": [1]}
    assert folded(shapes) == {
        "a": {"0": {"w": [1], "v": [2]}, "1": {"w": [1]}, "3": {"w": [1]}}, "b": [3], "c": {"0-1": {"d": {"1": {"w": [1]}}}}
    }  # fmt: skip
    assert expanded(folded(shapes)) == {name: tuple(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("theirs", "found"),
    [
        ("x.[* - 1].*", {"base.x.5.w": (4, 6)}),
        ("x.[* // 4 * 3].[= % 4].*", {"base.x.3.2.w": (4, 6)}),
        ("x.*.* ^T", {"base.x.6.w": (6, 4)}),
        ("/x.*.* ^J ^1", {"x.6.w": (1, 24)}),
        ("x.*.* ^1 ^1", {"base.x.6.w": (1, 1, 4, 6)}),
        ("x.#.* ^0", {f"base.x.{i}.6": () for i in range(4)}),
        ("x.*.a + x.*.b + /c ^1 + d", {"base.x.6.a": (1, 6), "base.x.6.b": (1, 6), "c": (1, 1, 6), "base.d": (1, 6)}),
        ("x.#.a + x.#.b", {f"base.x.{i}.{part}": (3,) for i in range(4) for part in "ab"}),
    ],
)
def test_the_notation(theirs: str, found: dict[str, tuple[int, ...]]) -> None:
    assert library_shapes(Naming({"layer*.?.*": [theirs]}, "base."), {"layer6.norm1.w": (4, 6)}) == found


def test_tensors_of_one_name_are_joined_before_they_are_changed() -> None:
    naming = Naming({"?.*": ["both ^T"]})
    assert library_shapes(naming, {"k.w": (2, 5), "v.w": (3, 5)}) == {"both": (5, 5)}
    assert library_shapes(naming, {"k.w": (2, 7), "v.w": (3, 7)}) == {"both": (7, 5)}


def test_a_parameter_without_a_name_is_an_error() -> None:
    with pytest.raises(shapecalc.UsageError, match=r"other\.w has no name in the library"):
        library_shapes(Naming({"layer.*": ["x"]}), {"layer.w": (1,), "other.w": (1,)})


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
