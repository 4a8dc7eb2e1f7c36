"""`expect:` with comparisons and units, `diff --exit-code`, units in `--where`: what CI needs."""

from __future__ import annotations

import jsonschema
import pytest
import yaml
from running import run

import shapecalc
from shapecalc.errors import ExpectationError, SpecError
from shapecalc.language.schema import specification_schema
from shapecalc.questions.memory import memory

NET = """\
input: 3x32x32
blocks:
  body:
    layers:
    - conv: {out_channels: 8, kernel_size: 3}
    - relu
layers:
- body
- fc: 10
"""
REPORT = shapecalc.load(NET).infer()
FIGURES = {"params": REPORT.total.params, "macs": REPORT.total.macs, "memory": memory(REPORT).total, "layers": 3}


def broken(expect):
    """Return the unmet expectations of an `expect:`."""
    try:
        shapecalc.load(f"{NET}expect: {expect}\n").check()
    except ExpectationError as error:
        return [problem.message for problem in error.problems]
    return []


def test_figures_computed_by_hand():
    params, peak = (3 * 9 * 8 + 8) + (8 * 30 * 30 * 10 + 10), 4 * (3 * 32 * 32 + 8 * 30 * 30)
    assert {"params": params, "macs": 8 * 27 * 900 + 72_000, "memory": 4 * params + peak, "layers": 3} == FIGURES


@pytest.mark.parametrize("what", FIGURES)
@pytest.mark.parametrize(
    ("sign", "met"),
    [
        ("<=", "01"),
        ("<", "0"),
        (">=", "12"),
        (">", "2"),
        ("==", "1"),
        ("!=", "02"),
        ("", "1"),
        ("≤", "01"),
        ("≥", "12"),
        ("≠", "02"),
    ],
)
def test_every_comparison_around_its_limit(what, sign, met):
    found = FIGURES[what]
    for place, number in enumerate((found + 1, found, found - 1)):
        text = f"'{sign} {number}'" if sign else str(number)
        assert (broken(f"{{{what}: {text}}}") == []) == (str(place) in met), (text, place)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5M", 5_000_000),
        ("1.5 G", 1_500_000_000),
        ("300k", 300_000),
        ("7B", 7_000_000_000),
        ("72,234", 72_234),
        ("0", 0),
        ("72_234", 72_234),
    ],
)
def test_units_of_counts(text, number):
    (expectation,) = shapecalc.load(f"{NET}expect: {{params: '!= {text}'}}\n").graph.expectations
    assert expectation.expected.parts == (("!=", number),)


@pytest.mark.parametrize(
    ("text", "number"),
    [("320 KiB", 320 * 1024), ("2MiB", 2 * 1024**2), ("16 MB", 16_000_000), ("400000", 400_000), ("400,000", 400_000)],
)
def test_units_of_bytes(text, number):
    (expectation,) = shapecalc.load(f"{NET}expect: {{memory: '< {text}'}}\n").graph.expectations
    assert expectation.expected.parts == (("<", number),)


def test_a_number_without_comparison_is_exact():
    assert broken("{layer: {fc1: {in_features: 7.2k}}}") == []
    assert broken("{layer: {fc1: {in_features: 7.3k}}}") == ["layer.fc1.in_features is 7,200, expected 7,300"]


def test_several_comparisons():
    assert broken("{params: '> 72k and <= 73k'}") == []
    assert broken("{params: '== 72234 and < 5'}") == ["params is 72,234, expected == 72234 and < 5"]
    assert broken("{params: '> 72k and <= 72.1k'}") == ["params is 72,234, expected > 72k and <= 72.1k"]


def test_signs_of_mathematics():
    assert broken("{params: '≥ 72k and ≤73k', macs: ≠ 3}") == []
    assert broken("{params: '≤ 72k and ≠ 5', layers: '≠ 3'}") == [
        "params is 72,234, expected ≤ 72k and ≠ 5", "layers is 3, expected ≠ 3",
    ]  # fmt: skip


def test_figures_of_layers_and_blocks():
    assert broken("{layer: {body1: {input: 3x32x32, output: 8x30x30, in_features: 3072, out_features: '> 7k', "
                  "output_bytes: '<= 57 KiB', params: 224}, fc1: {output_bytes: 40}}}") == []  # fmt: skip
    assert broken("{layer: {fc1: {input: 8x30x31, output_bytes: '< 40'}}}") == [
        "layer.fc1.input is 8×30×30, expected 8×30×31",
        "layer.fc1.output_bytes is 40 bytes, expected < 40",
    ]


def test_error_texts_of_unmet_expectations():
    ran = run("check", "-", text=f'{NET}expect: {{memory: "<= 300 KiB"}}\n')
    assert ran.err.splitlines()[0] == (
        f"<stdin>:10:18: expect: memory is {FIGURES['memory']:,} bytes, expected <= 300 KiB"
    )
    assert f"that is {FIGURES['memory'] - 300 * 1024:,} more than 307,200 bytes" in ran.err


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ("{params: '<= 5Q'}", "the expected figure is not a count: '5Q'"),
        ("{params: '<= 5 KiB'}", "the expected figure is not a count: '5 KiB'"),
        ("{memory: '<= 5M'}", "write 5MiB for units of 1,024, 5MB for decimal ones"),
        ("{params: '72,23'}", "a comma in a number separates groups of three digits: 72,234"),
        ("{params: 72,234}", "a comma within { } ends a value: write a number without separators, or in quotes"),
        ("{params: '<> 5'}", "`<> 5` is not a comparison\n"),
        ("{params: '=> 3M'}", "write `>= 3M`"),
        ("{params: '> 2 and =< 3M'}", "write `<= 3M`"),
        ("{memory: '= 3 MiB'}", "write `== 3 MiB`"),
        ("{params: '> 5 and'}", "`> 5 and` ends too early"),
        ("{params: '≤'}", "`≤` ends too early"),
        ("{params: at most 5M}", "`at most 5M` is neither a number nor a comparison"),
        ("{params: '500'}", "remove the quotes"),
        ("{params: -3}", "an expectation is a whole number or a comparison such as '<= 5M', not -3"),
        ("{params: yes}", "not 'yes'"),
        ("{params: [3]}", "not a list"),
        ("{layer: {fc1: {memory: 5}}}", "there is no expectation called memory"),
        ("{flops: 5}", "there is no expectation called flops"),
        ("{layer: 3}", "expect is a mapping"),
    ],
)
def test_mistakes(expect, words):
    with pytest.raises(SpecError) as caught:
        shapecalc.load(f"{NET}expect: {expect}\n")
    assert words in str(caught.value)


def test_the_schema_accepts_comparisons():
    validator = jsonschema.Draft202012Validator(specification_schema())

    def errors(expect):
        return list(validator.iter_errors(yaml.safe_load(f"input: 3\nlayers: []\nexpect: {expect}")))

    good = "{params: '<= 5M', weights: '≥ 2k', memory: '< 320 KiB', macs: 3, layer: {fc1: {in_features: '> 1k', input: 3x4, output_bytes: 5}}}"
    assert errors(good) == []
    for bad in ("{params: '<= M'}", "{params: 1.5}", "{memory: []}", "{in_features: 3}", "{layer: {fc1: {memory: 3}}}"):
        assert errors(bad), bad


@pytest.mark.parametrize("format_", ["table", "json", "markdown"])
def test_exit_code_of_diff(format_, tmp_path):
    one, other, renamed = tmp_path / "one.yaml", tmp_path / "other.yaml", tmp_path / "renamed.yaml"
    one.write_text(NET)
    other.write_text(NET.replace("fc: 10", "fc: 11"))
    renamed.write_text(f"name: other\n{NET}")
    for spec, status in ((one, 0), (other, 1), (renamed, 0)):
        assert run("diff", one, spec, "--exit-code", "--format", format_).status == status
        assert run("diff", one, spec, "--format", format_).status == 0
    assert run("diff", one, "--input-b", "3x32x33", "--exit-code").status == 1
    other.write_text(NET.replace("kernel_size: 3", "kernel_size: 3, padding: 1, dilation: 2"))
    assert run("diff", one, other, "--exit-code").status == 1


def test_exit_code_if_only_an_argument_differs(tmp_path):
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(NET.replace("- relu", "- dropout: 0.1"))
    other.write_text(NET.replace("- relu", "- dropout: 0.2"))
    assert run("diff", one, other, "--exit-code").status == 1


def test_exit_code_if_only_an_output_differs():
    two = NET.replace("- fc: 10", "- fc: 10\n- relu")
    with_one, with_other = [shapecalc.load(f"{two}outputs: [{names}]").infer() for names in ("relu1", "relu1, fc1")]
    from shapecalc.questions.compare import diff

    assert diff(with_one, with_one).is_empty
    assert not diff(with_one, with_other).is_empty


def test_units_in_conditions():
    def variants(where):
        ran = run("sweep", "alexnet", "--input", "{200:300:20}x=x3", "--where", where, "--format", "csv")
        assert ran.status == 0, ran.err
        return ran.out

    assert variants("params < 60M") == variants("params < 60e6") != variants("params < 70M")
    assert variants("memory <= 196 MiB") == variants(f"memory <= {196 * 2**20}") != variants("memory <= 400 MiB")
    assert variants("params<0.06B and macs > 0.9G") == variants("params < 60e6 and macs > 9e8")
    ran = run("sweep", "alexnet", "--where", "memory < 500B")
    assert ran.status == 2
    assert "write bytes as a plain number" in ran.err
    assert "is not an expression" in run("sweep", "alexnet", "--where", "params < 5Q").err


def test_separators_in_conditions_and_budgets():
    """What tables print is accepted: but in a list, or among the arguments of a function, a comma separates."""
    assert "\n0,61706," in run("sweep", "lenet5", "--where", "params < 61,707", "--format", "csv").out
    assert "\n0,61706," not in run("sweep", "lenet5", "--where", "params < 61,706", "--format", "csv").out
    assert "\n0,61706," in run("sweep", "lenet5", "--where", "(params == 61,706)", "--format", "csv").out
    assert "\n0,61706," not in run("sweep", "lenet5", "--where", "params < max(61,707)", "--format", "csv").out
    ran = run("sweep", "lenet5", "--where", "params < 72,23")
    assert ran.status == 2
    assert ran.err.splitlines()[1] == (
        "   a comma in a number separates groups of three digits: 72,234; a fraction has a point: 1.5M"
    )
    assert "write a list: `[a, b]`" in run("sweep", "lenet5", "--where", "params in (61,706)").err
    assert "write a list: `[a, b]`" in run("sweep", "lenet5", "--where", "params, macs").err
    assert "close every `(`" in run("sweep", "lenet5", "--where", "params < max(1,2").err
    assert run("memory", "lenet5", "--budget", "1,048,576").out == run("memory", "lenet5", "--budget", "1MiB").out
    assert "not a count: '1,5M'" in run("solve", "unet", "--for", "width", "--params", "1,5M").err


@pytest.mark.slow
def test_separators_in_budgets_of_searches():
    assert (
        run("solve", "unet", "--for", "width", "--params", "72,234").out
        == run("solve", "unet", "--for", "width", "--params", "72234").out
    )
    assert run("specs", "lenet", "--max-params", "61,706").out == run("specs", "lenet", "--max-params", "61706").out


@pytest.mark.parametrize(
    ("expect", "hint"),
    [
        ("{flops: 100}", "did you mean macs? 1 MAC is 2 FLOPs"),
        ("{layer: {fc1: {shape: 10}}}", "did you mean output?"),
        ("{params: 0.1-0.5M}", "write '>= 0.1M and <= 0.5M'"),
        ("{params: 200k-1M}", "write '>= 200k and <= 1M'"),
        ("{params: 100-200}", "write '>= 100 and <= 200'"),
    ],
)
def test_the_hint_of_an_expectation(expect, hint):
    with pytest.raises(SpecError) as caught:
        shapecalc.load(f"{NET}expect: {expect}\n")
    assert caught.value.problems[0].hint == hint


@pytest.mark.parametrize(
    ("layout", "size", "expected", "hint"),
    [
        ("CHW", "3x8x6", "8x6x3", "channels come first here: write 3x8x6"),
        ("HWC", "8x6x3", "3x8x6", "channels come last here: write 8x6x3"),
        ("CHW", "3x8x6", "6x8x3", ""),
        ("CHW", "3x8x6", "1x3x8x6", "sizes are without the batch axis: write 3x8x6"),
        ("CHW", "3x8", "8x3", ""),  # a sequence, whose features may come last
    ],
)
def test_a_size_in_the_other_layout(layout, size, expected, hint):
    text = f"layout: {layout}\ninput: {size}\nlayers: [relu]\nexpect: {{output: {expected}}}\n"
    with pytest.raises(ExpectationError) as caught:
        shapecalc.load(text).check()
    assert caught.value.problems[0].hint == hint
