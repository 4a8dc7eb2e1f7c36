"""The engine of the live page: the contract of each request, and that no request makes it fail."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from searching import some

import shapecalc
from shapecalc.editor import engine
from shapecalc.editor.answers import EXPORTS
from shapecalc.editor.engine import REQUESTS, answer
from shapecalc.editor.table import MOST_ROWS

DOCS = Path(__file__).parents[2] / "docs"
WRONG = (DOCS / "shape_error.yaml").read_text(encoding="utf-8")
LENET = answer({"do": "example", "name": "lenet5"})["text"]
RESNET = answer({"do": "example", "name": "resnet50"})["text"]
WIDTHS = """\
input: [channels, 32, 32]
vars: {channels: 3, width: 16, act: relu, deep: true, double: 2 * width, sizes: [1, 2]}
choices: {act: [relu, gelu]}
layers:
  - conv: {out_channels: width, kernel_size: 3}
  - activation: act
  - flatten
  - fc: double
"""


def ask(do, text=None, **more):
    found = answer({"do": do, "text": text, **more})
    json.dumps(found, allow_nan=False)  # what a browser reads
    return found


def good(do, text=None, **more):
    found = ask(do, text, **more)
    assert found["ok"] is True, found
    return found


def problem(do, text=None, **more):
    found = ask(do, text, **more)
    assert found["ok"] is False, found
    assert {*found} == {"ok", "error"}
    assert {*found["error"]} == {"message", "why", "hint"}
    return found["error"]


class TestLook:
    def test_it_has_what_the_library_computes(self):
        found = good("look", RESNET, name="resnet50.yaml")
        report = shapecalc.load("resnet50").infer()
        assert found["totals"] == {"params": 25_557_032, "macs": 4_089_184_256, "layers": 175, "output": {"fc": [1000]}}
        assert found["is_complete"] is True
        assert found["diagnostics"] == []
        layers = [row for row in found["table"]["rows"] if row["family"] != "block"]
        assert [row["id"] for row in layers] == [row.name for row in report.rows]
        assert sum(row["params"] for row in layers) == report.total.params
        assert sum(row["macs"] for row in layers) == report.total.macs
        assert found["table"]["totals"] == {"params": "25,557,032", "macs": "4,089,184,256"}

    def test_blocks_are_rows_above_their_layers(self):
        rows = good("look", RESNET, name="resnet50.yaml")["table"]["rows"]
        block = next(index for index, row in enumerate(rows) if row["family"] == "block")
        below = []
        for row in rows[block + 1 :]:
            if row["depth"] <= rows[block]["depth"]:
                break
            below.append(row)
        assert rows[block]["group"] == "collapsed"
        assert rows[block]["params"] == sum(row["params"] for row in below if row["family"] != "block")
        assert all(row["id"].startswith(rows[block]["id"]) for row in below)

    def test_a_row_has_its_line(self):
        found = good("look", WIDTHS)["table"]
        assert [row["line"] for row in found["rows"]] == [4, 5, 6, 7]
        assert [row["group"] for row in found["rows"]] == ["convolutions", "activations", "reshapes", "matrices"]
        assert all(len(row["cells"]) == len(found["columns"]) for row in found["rows"])

    def test_hints_are_sizes_behind_layers(self):
        hints = good("look", WIDTHS)["hints"]
        assert [(hint["position"]["line"], hint["label"].split(" · ")[0]) for hint in hints] == [
            (4, "→ 16×30×30"), (5, "→ 16×30×30"), (6, "→ 14400"), (7, "→ 32")
        ]  # fmt: skip

    def test_characters_are_utf_16_units(self):
        text = "input: 3x8x8\nlayers: [{relu: {}, name: '😀'}, {conv: {kernel: 3}}]\n"
        found = good("look", text)["diagnostics"]
        code_points = text.splitlines()[1].index("kernel")
        assert code_points + 1 in [one["range"]["start"]["character"] for one in found]

    def test_a_wrong_text_has_the_sizes_before_the_problem(self):
        found = good("look", WRONG, name="shape_error.yaml")
        assert found["is_complete"] is False
        assert [row["id"] for row in found["table"]["rows"]] == ["conv1", "relu1", "max_pool1"]
        first = found["diagnostics"][0]
        assert (first["level"], first["range"]["start"]["line"]) == ("error", 7)
        assert "5×5 window does not fit" in first["message"]
        assert first["message"].count("\n") >= 2

    @pytest.mark.parametrize("text", ["", " ", "a: [", "input: 3x8x8", "layers: [relu]", "\0", "- " * 200])
    def test_a_text_without_sizes_has_its_errors(self, text):
        found = good("look", text)
        assert found["diagnostics"]
        assert (found["table"], found["totals"], found["is_complete"]) == (None, None, False)

    def test_of_a_large_network_the_first_rows_are_shown(self):
        found = good("look", f"input: 3x8x8\nlayers: [{{relu: {{}}, repeat: {MOST_ROWS + 5}}}]\n")
        assert len(found["table"]["rows"]) == MOST_ROWS
        assert found["totals"]["layers"] == MOST_ROWS + 5
        assert f"{MOST_ROWS + 5:,} layers: {MOST_ROWS:,} of them are shown" in found["table"]["notes"][0]


class TestSettings:
    def test_variables_have_their_values_and_sliders(self):
        found = {one["name"]: one for one in good("look", WIDTHS, variables={"width": 64})["variables"]}
        width = found["width"]
        assert (width["value"], width["default"], width["text"]) == (64, 16, "16")
        assert (width["is_whole"], width["min"], width["max"], width["step"]) == (True, 1, 64, 8)
        assert (found["double"]["value"], found["double"]["default"], found["double"]["text"]) == (128, 32, "2 * width")
        assert (found["act"]["choices"], found["act"]["is_whole"]) == (["relu", "gelu"], False)
        assert (found["deep"]["value"], found["deep"]["is_whole"], found["sizes"]["value"]) == (True, False, [1, 2])

    def test_they_change_the_sizes_and_not_the_text(self):
        found = good("look", WIDTHS, variables={"width": "64", "sizes": "[3, 4]"}, inputs={"input": "3x16x16"}, batch=2)
        alone = shapecalc.load(WIDTHS, vars={"width": 64}, input="3x16x16").infer(batch=2)
        assert list(found["totals"]["output"].values()) == [[128]]
        assert (found["totals"]["params"], found["totals"]["macs"]) == (alone.total.params, alone.total.macs)
        assert {one["name"]: one["value"] for one in found["variables"]}["sizes"] == [3, 4]

    def test_names_that_are_gone_are_left_out(self):
        assert good("look", WIDTHS, variables={"gone": 3}, inputs={"left": "1x2x3"}) == good("look", WIDTHS)

    @pytest.mark.parametrize(
        "variables", [{"act": "tanh"}, {"width": "[[["}, {"width": ""}, {"width": {"a": 1}}, {"width": -3}]
    )
    def test_a_wrong_value_is_a_diagnostic(self, variables):
        found = good("look", WIDTHS, variables=variables)
        assert found["diagnostics"][0]["level"] == "error"

    def test_a_wrong_size_is_a_diagnostic(self):
        assert "is not a size" in good("look", WIDTHS, inputs={"input": "x"})["diagnostics"][0]["message"]
        found = good("look", WIDTHS, inputs={"input": [3, 2, 2]})
        assert found["diagnostics"][0]["range"]["start"]["line"] == 4, "a shape error, at its layer"
        assert found["is_complete"] is False

    def test_inputs_have_axes_and_which_of_them_are_free(self):
        found = good("look", WIDTHS)["inputs"]
        assert found == [{"name": "input", "sizes": [3, 32, 32], "axes": ["C", "H", "W"], "free": [False, True, True]}]
        found = good("look", WIDTHS, layout="hwc", inputs={"input": "16x20x3"})["inputs"]
        assert found == [{"name": "input", "sizes": [16, 20, 3], "axes": ["H", "W", "C"], "free": [True, True, False]}]
        two = "inputs: {a: 3x8x8, b: 3x8x8}\nlayers: [{add: [a, b]}]\n"
        found = good("look", two, inputs={"a": "3x9x9", "b": [3, 9, 9]})
        assert [(one["name"], one["sizes"]) for one in found["inputs"]] == [("a", [3, 9, 9]), ("b", [3, 9, 9])]

    def test_variants(self):
        text = WIDTHS + "variants:\n  small: {vars: {width: 8}}\n  large: {vars: {width: 32}}\n"
        first = good("look", text)
        assert (first["variants"], first["variant"]) == (["small", "large"], "small")
        large = good("look", text, variant="large", variables={"deep": False})
        assert large["variant"] == "large"
        assert {one["name"]: one["default"] for one in large["variables"]}["width"] == 32
        assert good("look", text, variant="gone")["variant"] == "small"

    @pytest.mark.parametrize(
        "more", [{"batch": 0.5}, {"batch": -1}, {"batch": "2"}, {"batch": 10**10}, {"variables": [1]}, {"inputs": "3x8x8"},
                 {"variables": {str(i): i for i in range(300)}}],
    )  # fmt: skip
    def test_what_is_no_setting(self, more):
        assert problem("look", WIDTHS, **more)["message"]


class TestQuestions:
    def test_pictures(self):
        for style in ("graph", "volumes", "shares", "memory", "receptive-field"):
            svg = good("picture", LENET, style=style, theme="dark")["svg"]
            assert svg.startswith("<svg")
            assert "<script" not in svg
        assert good("picture", LENET)["svg"] == good("picture", LENET, style="graph", theme="light")["svg"]
        assert "there is no style" in problem("picture", LENET, style="oil")["message"]
        assert "max_pool1" in good("picture", WRONG)["svg"], "what is known of it"

    def test_the_arithmetic_of_a_layer(self):
        found = good("explain", LENET, layer="c1")
        assert found["title"] == "c1 (conv)"
        assert "params" in found["text"]
        assert "$" in found["markdown"]
        assert found["html"].startswith("<")
        name = next(row["id"] for row in good("look", RESNET)["table"]["rows"] if row["family"] == "block")
        assert good("explain", RESNET, layer=name)["title"].startswith(name)
        assert "has no layer conv9" in problem("explain", LENET, layer="conv9")["message"]
        assert good("explain", WRONG, layer="conv1")["text"]

    def test_memory(self):
        found = good("memory", LENET, batch=8)
        expected = shapecalc.load(LENET).memory(batch=8)
        assert found["total"]["bytes"] == expected.total == sum(row["bytes"] for row in found["rows"])
        training = good("memory", LENET, training=True, optimizer="adamw", precision=None)
        assert training["total"]["bytes"] > found["total"]["bytes"]
        assert training["svg"].startswith("<svg")
        assert "h100" in good("memory", LENET, device="h100")["speed"].lower()
        assert "there is no device" in problem("memory", LENET, device="../h100")["message"]
        assert problem("memory", WRONG)["message"]

    def test_receptive_fields(self):
        assert "RF" in good("field", LENET)["text"]
        one = good("field", LENET, layer="c3")
        assert "sees" in one["text"]
        assert one["svg"].startswith("<svg")
        assert ask("field", "input: 8\nlayers: [{fc: 3}]\n")["ok"] in (True, False)

    def test_what_a_page_downloads(self):
        for format_ in EXPORTS:
            found = good("export", LENET, name="lenet5.yaml", format=format_)
            assert found["name"].startswith("lenet5.")
            assert found["text"]
        assert good("export", LENET, format="yaml")["text"] == LENET
        assert "class " in good("export", LENET, format="pytorch")["text"]
        assert good("export", LENET, format="csv")["text"].startswith("name,kind")
        assert json.loads(good("export", LENET, format="json")["text"])["version"] == 1
        assert "there is no format png" in problem("export", LENET, format="png")["message"]
        error = problem("export", WRONG, format="pytorch")
        assert "does not fit" in error["message"]
        assert "padding" in error["hint"]

    @pytest.mark.parametrize("more", [{}, {"batch": 4}])
    def test_fixes_are_those_of_the_hints(self, more):
        fixes = good("fixes", WRONG, **more)["diagnostics"][0]["fixes"]
        assert any("padding 0 → 2" in fix["title"] for fix in fixes), fixes
        for fix in fixes:
            assert good("look", edited(WRONG, fix["edits"]))["is_complete"], fix["title"]

    def test_no_two_fixes_write_the_same(self):
        text = "input: 3x8x8\nlayers:\n- conv: {out_channels: 8, kernel_size: 3, in_channels: 4}\n"
        fixes = good("fixes", text)["diagnostics"][0]["fixes"]
        assert [fix["title"] for fix in fixes] == ["conv1: in_channels 4 → 3 (output 8×6×6)"]

    def test_completion(self):
        text = "input: 3x8x8\nlayers:\n  - conv: {k\n"
        items = good("complete", text, position={"line": 2, "character": 12})["items"]
        item = next(item for item in items if item["label"] == "kernel_size")
        assert item["range"] == {"start": {"line": 2, "character": 11}, "end": {"line": 2, "character": 12}}
        assert "size of the window" in item["info"]
        for position in (None, {}, {"line": -1, "character": 0}, {"line": 0}, {"line": "0", "character": 0}, [0, 0]):
            assert problem("complete", text, position=position)["message"]
        assert good("complete", text, position={"line": 99, "character": 99})["items"] is not None

    def test_hover(self):
        line = LENET[: LENET.index("- conv")].count("\n")
        assert "Convolution" in good("hover", LENET, position={"line": line, "character": 5})["markdown"]
        assert good("hover", LENET, position={"line": 99, "character": 0})["markdown"] == ""


def edited(text, edits):
    lines = text.split("\n")
    for edit in reversed(edits):
        start, end = edit["range"]["start"], edit["range"]["end"]
        before, after = lines[start["line"]][: start["character"]], lines[end["line"]][end["character"] :]
        lines[start["line"] : end["line"] + 1] = f"{before}{edit['text']}{after}".split("\n")
    return "\n".join(lines)


class TestFiles:
    @staticmethod
    def read(name, content, **more):
        return ask("read", files=[{"name": name, "base64": b64encode(content).decode()}], **more)

    def test_a_specification_stays_as_it_is(self):
        assert self.read("mine.yaml", LENET.encode()) == {"ok": True, "text": LENET, "name": "mine.yaml", "note": ""}
        assert self.read("x.yaml", b"\xef\xbb\xbfinput: [")["text"] == "input: [", "also with errors"
        assert self.read("/a/b\\c.txt", b"input: 3")["name"] == "c.txt.yaml"

    def test_utf_16_is_read_as_by_commands(self):
        found = self.read("x.yaml", "input: 8\nlayers: [relu]\n".encode("utf-16"))
        assert found["text"] == "input: 8\nlayers: [relu]\n"

    @pytest.mark.parametrize("name", ["digits.onnx", "digits.pt2", "digits.json", "digits.prototxt", "detector.cfg"])
    def test_other_formats_become_yaml(self, name):
        more = {"inputs": {"": "1x28x28"}} if name in ("digits.onnx", "digits.pt2") else {}
        found = self.read(name, (DOCS / name).read_bytes(), **more)
        assert found["ok"], found
        assert found["name"] == name.rpartition(".")[0] + ".yaml"
        assert found["note"] == f"{name} was converted to YAML"
        assert good("look", found["text"], name=found["name"])["is_complete"]

    def test_a_config_of_a_model(self):
        found = self.read("config.json", json.dumps({"model_type": "gpt2", "n_layer": 2}).encode())
        assert good("look", found["text"])["is_complete"]

    def test_what_is_not_read_is_said(self):
        assert "is dynamic" in self.read("digits.onnx", (DOCS / "digits.onnx").read_bytes())["error"]["message"]
        assert self.read("a.bin", bytes(range(256)))["error"]["message"] == "a.bin is of no format that shapecalc reads"
        for broken in ("digits.onnx", "digits.pt2", "digits.prototxt"):
            assert self.read(broken, (DOCS / broken).read_bytes()[:200])["ok"] in (True, False)
        for files in (None, [], "a", [1], [{}], [{"name": "a", "base64": "!"}], [{"name": 1, "base64": None}]):
            assert problem("read", files=files)["message"]

    def test_the_first_network_of_several_files_is_read(self):
        contents = {"a.bin": b"\xff\0", "b.yaml": b"input: 3\n"}
        files = [{"name": name, "base64": b64encode(content).decode()} for name, content in contents.items()]
        assert good("read", files=files)["name"] == "b.yaml"

    def test_examples(self):
        names = {one["name"]: one for one in good("examples")["names"]}
        assert {"alexnet", "resnet50", "llama-2-7b"} <= {*names}
        assert names["resnet50"]["family"] == "ResNet"
        for name in ("nothing", "../pyproject", "", None, "a" * 1000):
            assert problem("example", name=name)["message"]

    @pytest.mark.parametrize("name", some([one["name"] for one in answer({"do": "examples"})["names"]], 6))
    def test_each_example_is_complete(self, name):
        text = good("example", name=name)
        found = good("look", text["text"], name=text["name"])
        assert found["is_complete"], found["diagnostics"]
        assert found["totals"]["params"] == shapecalc.load(name).infer().total.params


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**20), st.floats(), st.text(max_size=9), st.sampled_from([*REQUESTS]),
    st.sampled_from([LENET, WIDTHS, "conv1", "graph", "3x8x8"]), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
KEYS = ["name", "variant", "variables", "inputs", "batch", "theme", "style", "layer", "position", "format", "files", "device",
        "depth", "layout", "of", "scale", "training", "weights", "context", "optimizer", "back"]  # fmt: skip


class TestRequests:
    @pytest.mark.parametrize(
        "request_", [None, 3, "look", [], {}, {"do": None}, {"do": []}, {"do": "sing"}, {"do": "a" * 10**6}]
    )
    def test_what_is_no_request(self, request_):
        found = answer(request_)
        assert found["ok"] is False
        assert len(found["error"]["message"]) < 200

    @pytest.mark.parametrize("do", [do for do in REQUESTS if do not in ("read", "examples", "example")])
    def test_a_text_is_needed(self, do):
        for text in (None, 3, ["a"]):
            assert problem(do, text)["message"] == "a request has a text"

    @given(st.sampled_from([*REQUESTS]), st.one_of(st.just(LENET), st.just(WIDTHS), ANYTHING),
           st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=5))  # fmt: skip
    def test_whatever_is_asked_is_answered(self, do, text, more):
        found = answer({"do": do, "text": text, **more})
        assert found["ok"] is True or found["error"]["message"]
        assert "could not be worked out" not in found.get("error", {}).get("message", "")

    @pytest.mark.parametrize(
        "text", ["\ud800", "input: 3x8x8\nlayers: [relu] # \udfff", "a: \x07\n", "name: \u202e\nlayers: []"]
    )
    def test_odd_characters_are_answered(self, text):
        assert json.loads(json.dumps(ask("look", text)))["ok"]

    @pytest.mark.parametrize(
        ("error", "words"),
        [(ZeroDivisionError("secret"), "this could not be worked out (ZeroDivisionError)"),
         (RecursionError(), "the text is nested too deeply"), (MemoryError(), "not enough memory")],
    )  # fmt: skip
    def test_a_bug_is_a_sentence(self, monkeypatch, error, words):
        def fail(*_):
            raise error

        monkeypatch.setitem(engine.REQUESTS, "look", fail)
        assert problem("look", "")["message"] == words

    def test_no_markup_of_a_text_is_one_of_the_page(self):
        text = LENET.replace("name: LeNet-5", "name: \"<img src=x onerror='alert(1)'>\"", 1)
        assert text != LENET
        for do, more in (
            ("explain", {"layer": "c1"}),
            ("memory", {}),
            ("field", {}),
            ("picture", {}),
            ("export", {"format": "html"}),
        ):
            found = good(do, text, **more)
            written = [found[key] for key in ("html", "svg") if key in found] or [found["text"]]
            assert not [one for one in written if "<img" in one], do

    def test_numbers_are_finite(self):
        assert math.isfinite(good("look", LENET)["totals"]["macs"])


def test_files_are_those_of_the_folder_or_bundled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text("blocks: {own: {layers: [{fc: 4242}]}}\n")
    text = "use: own.yaml\ninput: 8\nlayers: [{own: {}}]\n"
    assert good("look", text)["totals"] is None
    assert answer({"do": "look", "text": text}, str(tmp_path))["totals"]["params"] == 9 * 4242
    assert answer({"do": "look", "text": text, "name": "resnet50.yaml"}, str(tmp_path))["totals"] is None, (
        "a bundled one"
    )


def test_it_needs_no_more_than_a_browser_has():
    """Python in a browser has no threads, no processes, and none of the extras."""
    code = (
        "import sys\nfrom shapecalc.editor.engine import REQUESTS, answer\n"
        "text = answer({'do': 'example', 'name': 'lenet5'})['text']\n"
        "for do in REQUESTS: answer({'do': do, 'text': text, 'layer': 'conv1', 'format': 'pytorch', 'name': 'a.yaml',"
        " 'position': {'line': 3, 'character': 3}})\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = {*subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()}
    assert "shapecalc" in loaded
    assert not loaded & {"numpy", "sympy", "pygls", "lsprotocol", "starlette", "uvicorn", "asyncio", "subprocess", "ssl",
                         "multiprocessing", "socket", "concurrent", "ctypes", "matplotlib", "pandas"}  # fmt: skip


def test_completions_are_those_of_editors_in_their_order():
    found = answer(
        {
            "do": "complete",
            "text": "input: 1x28x28\nlayers:\n  - \n",
            "name": "a.yaml",
            "position": {"line": 2, "character": 4},
        }
    )
    assert [one["label"] for one in found["items"]][:2] == ["conv", "relu"]
    assert found["items"][0]["snippet"] == "conv: {out_channels: ${1:out_channels}, kernel_size: ${2:kernel_size}\\}"
