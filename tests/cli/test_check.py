"""`shapecalc check`, `schema` and `specs`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from running import run
from searching import some

import shapecalc
from shapecalc.cli import check
from shapecalc.language.files import bundled_members
from shapecalc.language.schema import specification_schema
from shapecalc.network import Network

GOOD = "name: good\ninput: 3x8x8\nlayers: [relu]\nexpect: {params: 0, output: 3x8x8}\n"


def test_one_line_per_file(tmp_path):
    good, bad, none = tmp_path / "good.yaml", tmp_path / "bad.yaml", tmp_path / "none.yaml"
    good.write_text(GOOD)
    bad.write_text(GOOD.replace("params: 0", "params: 7"))
    ran = run("check", good, bad, none)
    assert ran.status == 2, "a file that is not there is a wrong use"
    assert ran.out.splitlines() == [
        f"ok     {good}: good, 0 parameters, 2 expectations met",
        f"wrong  {bad}: 1 problem",
        f"wrong  {none}: 1 problem",
    ]
    assert "expect: params is 0, expected 7\n" in ran.err
    assert "that is 7 fewer than expected" in ran.err
    assert run("check", good).status == 0
    assert run("check", good, bad).status == 1


def test_one_parameter_is_in_the_singular(tmp_path):
    one = tmp_path / "one.yaml"
    one.write_text("name: one\ninput: [1]\nlayers:\n  - {fc: {out_features: 1, bias: false}, repeat: 2}\n")
    assert "same as fc1: 1 parameter, 1 MAC" in " ".join(run("explain", one).out.split())
    one.write_text("name: one\ninput: [1]\nlayers: [{fc: {out_features: 1, bias: false}}]\n")
    assert run("check", one).out == f"ok     {one}: one, 1 parameter, no expectations\n"


def test_each_verdict_is_printed_before_the_next_file_is_read(tmp_path, monkeypatch):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD)
    bad.write_text(GOOD.replace("params: 0", "params: 7"))
    check_one = check._check

    def with_mark(spec, *rest):
        sys.stdout.write("reads\n")
        return check_one(spec, *rest)

    monkeypatch.setattr(check, "_check", with_mark)
    ran = run("check", good, bad, good)
    assert [line.partition(" ")[0] for line in ran.out.splitlines()] == ["reads", "ok", "reads", "wrong", "reads", "ok"]
    assert ran.status == 1


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        ("output: 3x8x9", "output is 3×8×8, expected 3×8×9"),
        ("macs: 1", "macs is 0, expected 1"),
        ("layers: 2", "layers is 1, expected 2"),
        ("outputs: {relu1: 3x1x8}", "outputs.relu1 is 3×8×8, expected 3×1×8"),
        ("outputs: {relu2: 3x1x8}", "there is no output relu2"),
        ("layer: {relu1: {output: 1}}", "layer.relu1.output is 3×8×8, expected 1"),
        ("layer: {relu: {params: 1}}", "did you mean relu1?"),
        ("parms: 1", "did you mean params?"),
        ("params: '0'", "remove the quotes"),
    ],
)
def test_unmet_expectations(expectation, words):
    ran = run("check", "-", text=f"input: 3x8x8\nlayers: [relu]\nexpect: {{{expectation}}}\n")
    assert ran.status == 1
    assert words in ran.err


def test_expectations_of_a_block():
    text = "input: 8\nblocks: {b: [{linear: 4}, {linear: 2}]}\nlayers:\n- b:\n  name: head\nexpect: {layer: {head: {params: %d}}}\n"
    assert run("check", "-", text=text % (36 + 10)).status == 0
    assert run("check", "-", text=text % 45).status == 1


def test_json(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("input: 3x8x8\nlayers:\n- relu\n- convv: 3\n")
    found = json.loads(run("check", bad, "--format", "json").out)
    problem = found["results"][0]["problems"][0]
    assert (problem["file"], problem["line"], problem["column"]) == (str(bad), 4, 3)
    assert problem["hint"] == "did you mean conv?"
    good = tmp_path / "good.yaml"
    good.write_text(GOOD)
    line, *others = run("check", bad, good, "--format", "github").out.splitlines()
    assert [other for other in others if not other.startswith("::")] == [f"ok     {good}: good, 0 parameters"]
    assert line.startswith(f"::error file={bad},line=4,col=3,title=shapecalc::there is no kind of layer called convv")
    assert "%0A" in line


@pytest.mark.slow
def test_check_all_bundled_specifications():
    ran = run("check", "--all")
    assert ran.status == 0, ran.out + ran.err
    assert all(line.startswith("ok") for line in ran.out.splitlines())


SCHEMA = specification_schema()


@pytest.mark.slow
def test_the_schema_is_a_valid_json_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_command_prints_the_schema():
    assert json.loads(run("schema").out) == SCHEMA


@pytest.mark.parametrize("path", some(sorted({path for path, _ in bundled_members()}), 12))
def test_bundled_specifications_are_valid_by_the_schema(path):
    with open(path, encoding="utf-8") as stream:
        document = yaml.safe_load(stream)
    errors = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document))
    assert not errors, errors[0].message[:300]


@pytest.mark.parametrize(
    "text",
    [
        "layers: [{conv: {out_channels: 3, kernel: 3}}]",
        "layers: [{conv: {out_channels: -1, kernel_size: 3}}]",
        "layers: [{conv: {out_channels: true, kernel_size: 3}}]",
        "layerz: []",
        "layers: 3",
        "layout: WHC\nlayers: []",
        "expect: {parms: 1}\nlayers: []",
    ],
)
def test_the_schema_rejects_wrong_specifications(text):
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(text)))


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("layerz: []", [[]]),
        ("layers: [{conv: {out_channels: 0, kernel_size: 3}}, relu, {dropout: 7}]", [["layers", 0], ["layers", 2]]),
    ],
)
def test_schema_errors_have_a_message_and_a_path(text, places):
    errors = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(text)))
    assert sorted(list(error.absolute_path)[:2] for error in errors) == places


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["googlenet"], ["googlenet", "googlenet_caffe"]),
        (["--family", "lenet", "lenet5", "1998"], ["lenet5", "lenet5_1998", "lenet5_fc"]),
        (["--task", "Classification", "krizhevsky", "quick"], ["cifar10_quick"]),
        (["--min-params", "61k", "--family", "LeNet", "fc"], ["lenet5_fc"]),
        (["no network like this"], []),
        (["--family", "resnt"], []),
    ],
)
def test_specs_infers_only_what_it_chooses_by_its_words(monkeypatch, arguments, names):
    inferred = []
    infer = Network.infer
    monkeypatch.setattr(Network, "infer", lambda network: inferred.append(network.name) or infer(network))
    ran = run("specs", *arguments, "--format", "json")
    assert ran.status == (0 if names else 2)
    found = json.loads(ran.out)["specs"] if names else []
    assert [one["name"] for one in found] == names
    assert [one["title"] for one in found] == inferred


@pytest.mark.slow
@pytest.mark.usefixtures("listed_once")
def test_specs_lists_bundled_networks():
    out = run("specs").out
    assert out == run("specs", columns=100).out, "piped it is as wide as prose"
    assert out.splitlines()[0].split() == ["name", "input", "params", "MACs", "task"]
    assert out.endswith("\n\nLeft out: source; --format json and markdown have all.\n")
    wide = run("specs", columns=300).out
    assert wide.splitlines()[0].split() == ["name", "input", "params", "MACs", "task", "source"]
    assert "Left out" not in wide
    assert all(word in run("specs", "--format", "markdown").out for word in ("| source", "Krizhevsky"))
    row = next(line for line in out.splitlines() if line.startswith("alexnet "))
    assert "62,378,344" in row
    found = json.loads(run("specs", "--family", "resnet", "--max-params", "30M", "--format", "json").out)["specs"]
    assert "resnet50" in [spec["name"] for spec in found]
    assert all(spec["params"] <= 30_000_000 for spec in found)
    assert max(map(len, run("specs", columns=100).out.splitlines())) <= 100


@pytest.mark.slow
@pytest.mark.usefixtures("listed_once")
@pytest.mark.parametrize(
    ("columns", "headings"), [(80, "name input params MACs"), (100, "name input params MACs task")]
)
def test_specs_on_a_narrow_terminal_keep_names_and_numbers(columns, headings):
    out = run("specs", columns=columns).out
    assert out.splitlines()[0].split() == headings.split()
    assert max(map(len, out.splitlines())) <= columns
    for entry in json.loads(run("specs", "--format", "json").out)["specs"]:
        row = next(line.split() for line in out.splitlines() if line.startswith(f"{entry['name']} "))
        assert f"{entry['params']:,}" in row
        assert f"{entry['macs']:,}" in row


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--family", "resnt"], "no bundled network has the family resnt"),
        (["nothing like this"], "no bundled network matches"),
        (["--max-params", "many"], "--max-params is not a count: 'many'"),
    ],
)
def test_specs_rejects_wrong_options(arguments, words):
    ran = run("specs", *arguments)
    assert ran.status == 2
    assert words in ran.err


def test_a_file_name_may_have_a_line_break(tmp_path):
    file = tmp_path / "a\nb.yaml"
    file.write_text(GOOD)
    ran = run("check", file)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.endswith("b.yaml: good, 0 parameters, 2 expectations met\n")
    assert shapecalc.load(str(file)).name == shapecalc.load(GOOD).name == "good"


def test_common_errors_of_family_members_are_reported_once():
    text = "input: 8\nvars: {w: 1}\nlayers: [{linear: 4, padding: w}]\nvariants:\n  a: {vars: {w: 2}}\n  b: {expect: {params: 1}}\n"
    ran = run("check", "-", text=text)
    assert (ran.status, ran.out) == (1, "wrong  -: 1 problem\n")


def test_expectations_that_are_not_checked_are_counted():
    """They are for the variables and the input of the file itself."""
    spec = Path(__file__).parents[2] / "docs" / "budget.yaml"
    told = "7 expectations not checked with other variables or input sizes"
    for words in (["--set", "width=32"], ["--input", "1x50x10"]):
        ran = run("check", spec, *words)
        assert ran.status == 0
        assert told in ran.out
    assert "7 expectations met" in run("check", spec).out
    assert "no expectations" in run("check", "-", "--input", "4", text="input: 3\nlayers: [fc: 2]").out


@pytest.mark.parametrize("words", [["--set", "height=28", "--set", "width=28"], ["--input", "1x28x28"]])
def test_a_file_with_dynamic_sizes_is_checked_at_a_given_size(words):
    """It has no size, and no expectations, of its own."""
    ran = run("check", Path(__file__).parents[2] / "docs" / "digits.onnx", *words)
    assert (ran.status, ran.err) == (0, "")
    assert "9,866 parameters, no expectations" in ran.out


def test_figures_of_a_layer_that_are_not_under_layer():
    text = "input: 784\nlayers: [{fc: 100, name: hidden}]\nexpect: {hidden: {params: 78500}}\n"
    ran = run("check", "-", text=text)
    assert "the figures of a layer are under `layer:`: write `layer: {hidden: {params: 78500}}`" in ran.err
    mended = text.replace("{hidden: {params: 78500}}", "{layer: {hidden: {params: 78500}}}")
    assert "1 expectation met" in run("check", "-", text=mended).out
    assert "known here" in run("check", "-", text=text.replace("params", "parm")).err
