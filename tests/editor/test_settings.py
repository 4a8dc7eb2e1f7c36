"""What is set beside a text on the live page: what is said of a wrong value, and the text that is downloaded."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.editor.engine import answer

DIGITS = """\
name: digits
layout: HWC
input: 28x28x1
vars: {k: 5, width: 8}
layers:
  - conv: {out_channels: width, kernel_size: k}
  - max_pool: {kernel_size: 2}
  - fc: 10
"""
FAMILY = DIGITS + "variants:\n  small: {}\n  large: {vars: {width: 32}, input: 32x32x1}\n"


def good(do, text, **more):
    found = answer({"do": do, "text": text, "name": "digits.yaml", **more})
    assert found["ok"] is True, found
    return found


class TestWrongValues:
    """A slider that is moved too far: the controls stay, and the error says which of them it is."""

    def test_the_first_layer_fails(self):
        found = good("look", DIGITS, inputs={"input": [3, 3, 1]})
        assert found["table"] is None
        assert found["inputs"] == [
            {"name": "input", "sizes": [3, 3, 1], "axes": ["H", "W", "C"], "free": [True, True, False]}
        ]
        assert [one["name"] for one in found["variables"]] == ["k", "width"]
        lines = found["diagnostics"][0]["message"].split("\n")
        assert "input is set to 3×3×1: with 28×28×1, as in the text, there is no error" in lines

    def test_a_value_that_no_layer_takes(self):
        found = good("look", DIGITS, variables={"k": -1, "width": 16})
        assert [one["name"] for one in found["inputs"]] == ["input"]
        assert {one["name"]: one["value"] for one in found["variables"]} == {"k": -1, "width": 16}
        message = found["diagnostics"][0]["message"]
        assert "k is set to -1: with 5, as in the text, there is no error" in message, "and width is right"

    def test_two_values_that_are_wrong_together(self):
        message = good("look", DIGITS, variables={"k": 30}, inputs={"input": [29, 29, 1]})["diagnostics"][0]["message"]
        assert "k is set to 30: with 5, as in the text, there is no error" in message
        message = good("look", DIGITS, variables={"k": 30}, inputs={"input": [3, 3, 1]})["diagnostics"][0]["message"]
        assert (
            "k is set to 30 (5 in the text) and input is set to 3×3×1 (28×28×1 in the text): "
            "with the values of the text there is no error"
        ) in message

    def test_a_text_that_is_wrong_by_itself_is_not_blamed_on_what_is_set(self):
        text = DIGITS.replace("fc: 10", "fc: many")
        assert "is set to" not in good("look", text, variables={"k": 3})["diagnostics"][0]["message"]

    def test_of_a_text_with_only_blocks_nothing_is_said(self):
        blocks = "vars: {k: 3}\nblocks:\n  b: [{conv: {out_channels: 2, kernel_size: k}}]\n"
        message = good("look", blocks, variables={"k": "[1"})["diagnostics"][0]["message"]
        assert message.startswith("k: the `[` is not closed")
        assert "is set to" not in message

    @pytest.mark.parametrize(
        ("settings", "line"),
        [
            ({"variables": {"width": "[1"}}, 3),
            ({"variables": {"width": " "}}, 3),
            ({"inputs": {"input": [28, 0, 1]}}, 2),
            ({"inputs": {"input": "28"}}, 5),
        ],
    )
    def test_an_error_is_where_the_value_is_written(self, settings, line):
        found = good("look", DIGITS, **settings)["diagnostics"][0]
        assert found["range"]["start"]["line"] == line, found

    def test_the_input_of_a_command_is_that_of_the_slider(self):
        assert good("look", DIGITS, inputs={"": "20x20x1"})["inputs"][0]["sizes"] == [20, 20, 1]
        moved = good("look", DIGITS, inputs={"": "20x20x1", "input": [24, 24, 1]})
        assert moved["inputs"][0]["sizes"] == [24, 24, 1]
        named = "inputs: {x: 3x8x8}\nlayers: [relu]\n"
        assert good("look", named, inputs={"": "3x9x9"})["inputs"][0]["sizes"] == [3, 9, 9]


class TestDownloads:
    """The YAML that is downloaded is the network that is shown."""

    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"variables": {"k": 3, "width": "16"}},
            {"inputs": {"input": [30, 31, 1]}, "variables": {"width": 6}},
            {"variant": "large", "inputs": {"input": [30, 31, 1]}, "variables": {"k": 4, "width": 6}},
        ],
    )
    def test_values_are_written_where_they_are(self, settings):
        shown = good("look", FAMILY, **settings)
        text = good("export", FAMILY, format="yaml", **settings)["text"]
        member = shapecalc.load(text, variant=settings.get("variant", ""))
        report = member.infer()
        assert (report.total.params, report.total.macs) == (shown["totals"]["params"], shown["totals"]["macs"])
        assert len(text.splitlines()) == len(FAMILY.splitlines())
        assert not text.startswith("#")

    def test_a_value_that_cannot_be_written_is_said(self):
        text = "input:\n  - 3\n  - 8\n  - 8\nlayers: [relu]\n"
        settings = {"inputs": {"input": [3, 9, 9]}}
        assert good("export", text, format="yaml", **settings)["text"] == f"# Shown with input: 3x9x9\n{text}"
