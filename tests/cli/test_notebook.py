"""`%%shapecalc` and `%shapecalc` in a notebook: the magics with a shell that records what it displays, and with IPython's own."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import shapecalc
from shapecalc.cli.notebook import CellError
from shapecalc.model.report import Report
from shapecalc.renderers.pictures import Picture

DIGITS = """name: digits
input: 1x28x28
vars: {classes: 10}
layers:
  - conv: {out_channels: 20, kernel_size: 5}
  - max_pool: 2
  - fc: classes
"""


class Shell:
    """What the magic needs of a shell of IPython."""

    def __init__(self):
        self.shown, self.names, self.magics = [], {}, {}
        self.user_ns = self.names
        self.push = self.names.update
        self.display_formatter = SimpleNamespace(format=lambda answer: (answer, {}))
        self.display_pub = SimpleNamespace(publish=lambda answer, _: self.shown.append(answer))

    def register_magic_function(self, function, magic_kind, magic_name):
        self.magics[magic_kind, magic_name] = function


@pytest.fixture
def shell():
    made = Shell()
    shapecalc.load_ipython_extension(made)
    return made


def run_cell(shell, line, cell=None):
    return shell.magics["line_cell", "shapecalc"](line, cell)


def test_a_cell_shows_a_table_and_a_picture(shell):
    assert run_cell(shell, "", DIGITS) is None
    report, picture = shell.shown
    assert isinstance(report, Report)
    assert report["fc1"].params == 28_810  # 20·12·12·10 + 10
    assert isinstance(picture, Picture)
    assert "28,810" in picture.svg
    assert shell.names == {}


def test_the_network_of_a_cell_is_kept_under_a_name(shell):
    run_cell(shell, "net --set classes=100 --input 1x32x32 --batch 2", DIGITS)
    net = shell.names["net"]
    assert net.infer()["fc1"].params == 392_100  # 20·14·14·100 + 100
    assert shell.shown[0].batch == 2
    run_cell(shell, "--layout hwc --input 28x30x1", DIGITS)
    assert shell.shown[2]["conv1"].output_shape == (24, 26, 20)


def test_the_name_of_a_cell_is_the_title_of_a_network_without_one(shell):
    unnamed = DIGITS.replace("name: digits\n", "")
    assert unnamed != DIGITS
    for line, cell, title in [("net", unnamed, "net"), ("", unnamed, "cell"), ("net", DIGITS, "digits")]:
        shell.shown.clear()
        run_cell(shell, line, cell)
        assert str(shell.shown[0]).startswith(f"{title} · input 1×28×28\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--style volumes", "20</text>"),
        ("--style shares --of params", "Where the parameters are"),
        ("--style receptive-field --layer conv1", "5×5"),
        ("--theme dark", "digits"),
    ],
)
def test_the_options_are_those_of_draw(shell, line, words):
    run_cell(shell, line, DIGITS)
    assert words in shell.shown[1].svg
    assert (shell.shown[1].theme == "dark") == ("dark" in line)


def test_a_line_shows_a_network(shell, tmp_path):
    assert run_cell(shell, "alexnet --style volumes --batch 2") is None
    report, picture = shell.shown
    assert report["fc1"].params == 37_752_832  # Krizhevsky et al. 2012, one tower: (6·6·256 + 1)·4096
    assert report.batch == 2
    assert "11×11" in picture.svg
    file = tmp_path / "my digits.yaml"
    file.write_text(DIGITS)
    run_cell(shell, f"'{file}' --set classes=100 --input 1x32x32")
    assert shell.shown[2]["fc1"].params == 392_100  # 20·14·14·100 + 100
    assert shell.names == {}


def test_a_line_shows_the_network_of_a_variable(shell):
    run_cell(shell, "net", DIGITS)
    run_cell(shell, "net --set classes=100 --style shares")
    assert shell.shown[2]["fc1"].params == 288_100  # 20·12·12·100 + 100
    assert "Where the parameters" in shell.shown[3].svg
    shell.names["alexnet"] = "of another sort"
    run_cell(shell, "alexnet")
    assert shell.shown[4]["fc1"].params == 37_752_832


def error_of(shell, line, cell=None):
    with pytest.raises(CellError) as caught:
        run_cell(shell, line, cell)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert str(caught.value) == str(caught.value).rstrip()
    return "\n".join(caught.value._render_traceback_())


def test_an_error_has_the_line_of_the_cell_and_a_hint(shell):
    """The line of the magic is the first of the cell, as a notebook numbers them."""
    assert error_of(shell, "net", DIGITS.replace("conv:", "cov:")) == (
        "net:6:5: there is no kind of layer called cov\n"
        "    6 │   - cov: {out_channels: 20, kernel_size: 5}\n"
        "      │     ^^^\n"
        "   did you mean conv?"
    )
    assert shell.shown == []
    assert shell.names == {}


def test_a_shape_error_shows_the_layers_before_it(shell):
    text = error_of(shell, "net", DIGITS.replace("kernel_size: 5", "kernel_size: 29"))
    assert text.startswith("net:6:5: conv1 (conv): the 29×29 window does not fit its 28×28 input\n")
    assert shell.shown == [], "there is no layer before it"
    error_of(shell, "", DIGITS.replace("max_pool: 2", "max_pool: 25"))
    assert [row.name for row in shell.shown[0].rows] == ["conv1"]
    assert len(shell.shown) == 1
    assert shell.names["net"].problems()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--stile volumes", "No such option '--stile'. Did you mean --style?"),
        ("--style", "Option '--style' requires an argument."),
        ("--style volume", "'volume' is not one of graph, volumes"),
        ("--style volumes --direction right", "the style volumes has no option direction\n   it is an option of graph"),
        ("my-net", "my-net is not a name in Python\n   write for instance %%shapecalc my_net"),
        ("class", "class is not a name in Python\n   write for instance %%shapecalc net"),
        ("net 'a", "net 'a: no closing quotation"),
        ("net other", "unexpected extra argument (other)"),
        ("--set clases=3", "there is no variable clases to set\n   did you mean classes?"),
        ("--output net.svg", "No such option '--output'"),
    ],
)
def test_wrong_use_of_the_line(shell, line, words, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ipython"])
    assert words in error_of(shell, line, DIGITS)
    assert shell.shown == []


def test_a_variable_that_is_no_network_says_how_it_is_read(shell):
    shell.names.update(m=object(), lenet5=5)
    assert error_of(shell, "m").startswith(
        "a specification is a path, a name, text, a dict or a list of layers, not object"
    )
    run_cell(shell, "lenet5")
    assert shell.shown[0].name == "LeNet-5", "a file or a bundled specification of that name is meant"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("alexnt", "did you mean alexnet?"),
        ("", "Missing argument 'SPEC'"),
        ("alexnet vgg16", "unexpected extra argument (vgg16)"),
        ("alexnet --input 8x8x3", "conv1 (conv): the 11×11 window does not fit its 8×8 input"),
        ("alexnet -o net.svg", "No such option '-o'"),
    ],
)
def test_wrong_use_of_a_line_alone(shell, line, words, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ipython"])
    assert words in error_of(shell, line)
    assert shell.shown == []


@pytest.mark.parametrize("asked", ["--help", "-h"])
@pytest.mark.parametrize(
    ("cell", "usage"), [(DIGITS, "%%shapecalc [OPTIONS] [NAME]"), (None, "%shapecalc [OPTIONS] SPEC")]
)
def test_help_lists_the_options(shell, capsys, asked, cell, usage):
    run_cell(shell, asked, cell)
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: {usage}\n")
    assert {"--style", "--set", "--input", "--depth"} <= {*text.replace(",", " ").split()}
    assert "--output" not in text
    assert shell.shown == []


def test_warnings_are_written_to_standard_error(shell, capsys):
    run_cell(shell, "", DIGITS.replace("vars: {", "vars: {unused: 3, "))
    assert "cell:4:16: warning: the variable unused is never used" in capsys.readouterr().err
    assert len(shell.shown) == 2


def test_loading_the_extension_does_not_import_ipython():
    code = (
        "import sys, shapecalc\n"
        "assert 'click' not in sys.modules\n"
        "shapecalc.load_ipython_extension(type('S', (), {'register_magic_function': lambda *a, **b: None})())\n"
        "assert 'click' in sys.modules and 'IPython' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# With IPython itself.


@pytest.fixture
def ipython():
    if not os.environ.get("SHAPECALC_REQUIRE_NOTEBOOK"):
        pytest.importorskip("IPython")
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    def run(cell):
        with capture_output() as found:
            result = made.run_cell(cell)
        return result, found

    made = InteractiveShell.instance()
    run("%load_ext shapecalc")
    yield run
    made.history_manager.end_session()
    InteractiveShell.clear_instance()


def test_ipython_shows_the_table_the_picture_and_the_formulas(ipython):
    result, found = ipython(f"%%shapecalc net --style volumes\n{DIGITS}")
    assert result.success
    table, picture = [output.data for output in found.outputs]
    assert {*table} == {"text/plain", "text/html"}
    assert "28,810" in table["text/plain"]
    assert "<table" in table["text/html"]
    assert {*picture} == {"text/plain", "image/svg+xml"}
    result, found = ipython("from IPython.display import display; display(net.explain('fc1'))")
    assert result.success
    assert {*found.outputs[0].data} == {"text/plain", "text/markdown"}, (
        "notebooks prefer HTML, which some do not typeset"
    )
    assert r"$F_{\mathrm{out}} = 10$" in found.outputs[0].data["text/markdown"]


def test_ipython_shows_a_network_by_its_name(ipython):
    result, found = ipython("%shapecalc lenet5 --depth 1")
    assert result.success
    assert result.result is None
    table, picture = [output.data for output in found.outputs]
    assert "61,706" in table["text/plain"]  # LeCun et al. 1998, with all-connected C3
    assert {*picture} == {"text/plain", "image/svg+xml"}
    result, found = ipython("%shapecalc lenet")
    assert not result.success
    assert "Traceback" not in found.stdout + found.stderr


def test_ipython_shows_an_error_without_a_traceback(ipython):
    result, found = ipython(f"%%shapecalc net\n{DIGITS.replace('kernel_size', 'kernel')}")
    assert not result.success
    text = found.stdout + found.stderr
    assert text.startswith("net:6:")
    assert "did you mean kernel_size?" in text
    assert "Traceback" not in text
    assert ".py" not in text
    assert ipython("print(net)")[0].error_in_exec.__class__ is NameError
