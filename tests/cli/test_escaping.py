"""No text of a file or an option can run, hide or forge anything in an answer, error or file.

The laws are over all commands and all their formats, as click lists them: a new command or format is covered, or fails
here until it has arguments and a check.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
import xml.etree.ElementTree as ET
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml
from crafted_checkpoints import write_safetensors
from markdown_it import MarkdownIt
from repositories import commit, new_repository, write
from running import as_xml, commands, formats_of, run
from searching import some

import shapecalc
from shapecalc.errors import ShapecalcError
from shapecalc.escaping import (
    clean,
    csv_cell,
    defuse,
    github,
    github_property,
    html,
    join_lines,
    json_lines,
    json_text,
    latex,
    markdown,
    markdown_code,
    python_names,
)
from shapecalc.language import files as locate
from shapecalc.questions.sweep.files import header_of
from shapecalc.renderers.blocks import draw_blocks
from shapecalc.renderers.listing import listing
from shapecalc.source.decoding import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORGED = "FORGED ok     other.yaml: nothing wrong"
BREAKS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
UNSEEN = ("\x00", "\x1b[31m", "\x9b2J", "\x7f", "\u00ad", "\u061c", "\u200b", "\u200d", "\u200e", "\u202a", "\u202e", "\u2060",
          "\u2066", "\u2069", "\ufeff", "\u115f", "\u3164", "\u2800", "\U000e0041", "\ue000")  # fmt: skip
LIVE = ("<img src=x onerror=alert(1)>", "``<img src=x onerror=alert(1)>``", "</text><script>alert(1)</script>", "]]>",
        "$\\evil$", "\\input|x", "\\end(align*)\\evil", "%", "a | b", "[red]x[/red]", "![x](http://x.y)", "http://x.y/z",
        "www.x.y", "*b*", "~~~", "# h", '=HYPERLINK("http://x")', "@SUM(1)", "+1+1", "-1+1",
        "::stop-commands::t", "::error file=a,line=1::pwned", "##[error]pwned", "##vso[task.setvariable]pwned",
        "'); import os; os.system('echo PWNED')  #", '"""', "é漢字")  # fmt: skip

WORSE = "".join(f"x{sep}{FORGED}" for sep in BREAKS) + "".join(UNSEEN) + "\n" + "\n".join(LIVE)
SPEECH = UNREADABLE.sub("", WORSE)
"""Hostile text in a file: the name of the network, its source, a word that errors quote."""


KEY = f"x\n{FORGED}\r{FORGED}\u2028{FORGED}\x85{FORGED}\u202e\n::error::x\n<img src=x>`|$\\evil$"
"""The same, as short as a key must be."""


def named(words: str) -> str:
    """Return text as a valid name of a layer: without brackets, braces and invisible characters."""
    return re.sub(r"[\[\]{}]", "", "".join(c for c in words if c.isprintable())).strip()[:90]


NAMES = [name for word in LIVE if (name := named(word))]
VARIABLES = ("lambda", "max", "min", "class_", "match", "_")


def dumped(spec: Any) -> str:
    """Return a specification as JSON that is YAML as well, whose escapes are of one character each."""
    text = json.dumps(spec).replace("\\udb40\\udc41", "\\U000e0041")
    return re.sub(r'("out_channels": |"x": |"c": )"(\w+)"', r"\1\2", text)  # a variable without quotes, and `required`


def good(name: str = SPEECH) -> str:
    """Return a valid specification with hostile text wherever possible."""
    conv = {"kernel_size": 3, "padding": 1}
    layers: list[Any] = [
        {"conv": {"out_channels": VARIABLES[i % len(VARIABLES)], **conv}, "name": n} for i, n in enumerate(NAMES)
    ]
    layers += [{"my" + KEY: None, "name": "b"}, {"conv": {"out_channels": 4, **conv}, "share": "b.inner"}]
    layers[-1]["conv"]["out_channels"] = 8
    return dumped({
        "name": name,
        "source": SPEECH,
        "description": SPEECH,
        "inputs": {f"{NAMES[0]} input": "8x16x16"},
        "vars": {word: 4 + i for i, word in enumerate(VARIABLES)},
        "blocks": {"my" + KEY: [{"conv": {"out_channels": 8, **conv}}, {"conv": {"out_channels": 8, **conv}, "name": "inner"}]},
        "layers": layers,
    })  # fmt: skip


def family() -> str:
    spec = yaml.safe_load(good())
    del spec["name"]
    spec["variants"] = {f"v{KEY}": {"vars": {"max": 6}}, "two": {"vars": {"max": 7}}}
    return dumped(spec)


def wrong() -> Iterator[str]:
    """Yield specifications, each with another wrong word that the error quotes."""
    conv = {"conv": {"out_channels": 4, "kernel_size": 3}}
    yield dumped({"name": SPEECH, "input": "3x8x8", "layers": [SPEECH]})
    yield dumped({"name": SPEECH, "input": "3x8x8", "layers": [{KEY: 3}]})
    yield json.dumps({KEY: 1, "input": "3x8x8", "layers": [conv]})
    yield dumped({"input": SPEECH, "layers": [conv]})
    yield dumped({"input": "3x8x8", "layers": [{**conv, "from": SPEECH}]})
    yield dumped({"input": "3x8x8", "layers": [{**conv, "name": SPEECH}]})
    yield dumped({"input": "3x8x8", "layers": [{**conv, KEY: 1}]})
    yield dumped({"input": "3x8x8", "layers": [{"conv": {"out_channels": SPEECH, "kernel_size": 3}}]})
    yield dumped({"input": "3x8x8", "layers": [{"conv": {"out_channels": 4, "kernel_size": 3, KEY: 1}}]})
    yield dumped({"input": "3x8x8", "layers": [{"conv": {"out_channels": 4, "kernel_size": 9}, "name": NAMES[0]}]})
    yield dumped({"input": "3x8x8", "vars": {KEY: 1}, "layers": [conv]})
    yield json.dumps({"input": "3x8x8", "layers": [conv], "expect": {"layer": {KEY: {"params": 3}}, "params": SPEECH}})
    yield dumped({"input": "3x8x8", "layers": [conv], "outputs": [SPEECH]})
    yield json.dumps(
        {"input": "3x8x8", "layers": [{"b": {KEY: 1}}], "blocks": {"b": {"args": {"c": 3}, "layers": [conv]}}}
    )
    block = {KEY: {"args": {"c": "required"}, "layers": [{"conv": {"out_channels": "c", "kernel_size": 3}}]}}
    yield dumped({"input": "3x8x8", "layers": [{KEY: None}], "blocks": block})
    yield dumped({"input": "3x8x8", "layers": [{KEY: 1, "conv": 4}], "blocks": block})
    yield dumped({"input": "3x8x8", "layers": [{KEY: 3}], "blocks": {KEY: [conv]}})
    yield dumped({"input": "3x8x8", "layers": [conv], "blocks": {KEY: 3}})
    yield dumped({"input": "3x8x8", "layers": [{"b": {"x": 1}}], "blocks": {"b": {"args": {KEY: 3}, "layers": [conv]}}})
    yield dumped(
        {"input": "3x8x8", "layers": [{KEY: None}], "blocks": {KEY: {"args": {"x": "required"}, "layers": [conv]}}}
    )
    yield dumped({"input": "3x8x8", "layers": [{"b": None, KEY: None}], "blocks": {KEY: [conv], "b": [conv]}})
    yield dumped(
        {"input": "3x8x8", "layers": [{KEY: None, "x": 1}], "blocks": {KEY: {"args": {"x": 2}, "layers": [conv]}}}
    )
    yield dumped({"input": "3x8x8", "layers": [KEY + "y"], "blocks": {KEY: [conv]}})
    yield dumped({"input": "3x8x8", "layers": [conv], "use": SPEECH})
    yield dumped({"input": "3x8x8", "layers": [conv], "layout": SPEECH})
    yield f"name: {SPEECH.splitlines()[0]}\ninput: [\n"
    yield f"input: 3x8x8\nlayers:\n  - {LIVE[0]}\n  - '{LIVE[1]}\n"


BROKEN = list(wrong())


def checkpoint_of(spec: Path) -> str:
    """Return a checkpoint with the parameters of a specification, so that its names are as hostile."""
    try:
        shapes = shapecalc.load(str(spec)).infer().parameter_shapes()
    except ShapecalcError:
        shapes = {f"w{KEY}": (1,)}
    return write_safetensors(
        spec.with_name("hostile.safetensors"), {name: ("F32", size) for name, size in shapes.items()}
    )


# ---- the commands, as click lists them -------------------------------------------------------------------------------


def changed(spec: Path) -> list[list[str]]:
    """Return the arguments of `changes` in the folder of a specification, which had others in the last commit."""
    folder, name = spec.parent, spec.name
    if not (folder / ".git").exists():
        text = spec.read_text()
        commit(new_repository(folder), {name: text.replace("layers:", "layers:\n  - relu", 1), "other.yaml": text})
        write(folder, {name: text, "other.yaml": None, f"new{name}": text})
    os.chdir(folder)
    return [["HEAD"]]


FED: dict[str, Callable[[Path], list[list[str]]]] = {
    "summary": lambda spec: [[f"{spec}"], [f"{spec}", "--columns", "+rf", "--depth", "1"]],
    "changes": changed,
    "check": lambda spec: [[f"{spec}"]],
    "compare": lambda spec: [[f"{spec}", "lenet5"]],
    "convert": lambda spec: [[f"{spec}", "--to", "yaml"]],
    "devices": lambda _: [["h100"]],
    "diff": lambda spec: [[f"{spec}", "lenet5", "--all"], [f"{spec}", "--set-b", "max=9"]],
    "draw": lambda spec: [[f"{spec}"], [f"{spec}", "--style", "volumes"], [f"{spec}", "--style", "shares"]],
    "explain": lambda spec: [[f"{spec}", "--what", "output", "--what", "params"], [f"{spec}", NAMES[1]]],
    "formula": lambda spec: [[f"{spec}", "-s", "lambda", "-s", "max", "-s", "max", "--what", "params,output"],
                             [f"{spec}", "--layer", NAMES[0], "--what", "params"]],
    "init": lambda _: [["lenet5", "-o", "-"], ["-o", "-"]],
    "layer": lambda _: [["conv", "--input", "3x8x8", "--out-channels", "4", "--kernel-size", "3"]],
    "layers": lambda _: [["conv"]],
    "memory": lambda spec: [[f"{spec}"], [f"{spec}", "--layers", "--training"], [f"{spec}", "--fold-batch-norm", "--flash", "9GiB"]],
    "rf": lambda spec: [[f"{spec}"], [f"{spec}", NAMES[2]]],
    "schema": lambda _: [[]],
    "sizes": lambda spec: [[f"{spec}"]],
    "solve": lambda spec: [[f"{spec}", "--for", "max", "--params", "900k"], [f"{spec}", "--fix"]],
    "specs": lambda _: [["--sort", "params"], ["net"]],
    "speed": lambda spec: [[f"{spec}", "--device", "h100"]],
    "sweep": lambda spec: [[f"{spec}", "--set", "max=2,3", "--set", "lambda=2,4"]],
    "weights": lambda spec: [[checkpoint_of(spec), "--against", f"{spec}"], [checkpoint_of(spec), "--depth", "all"]],
}  # fmt: skip
"""The arguments of each command; a command that is missing here fails."""


SERVERS = ("lsp", "serve")
"""Commands that answer programs: what they send is tested in tests/editor and tests/server."""
CASES = [(name, format_) for name in commands() if name not in SERVERS for format_ in formats_of(name)]

# ---- what each format must be ----------------------------------------------------------------------------------------


def check_seen(text: str) -> None:
    """Check that all characters are visible, and that no forged line begins a line."""
    hidden = [c for c in text if c != "\n" and (not c.isprintable() or c in "\u034f\u115f\u1160\u2800\u3164\uffa0")]
    assert not hidden
    assert not [line for line in text.splitlines() if line.startswith("FORGED")]


def check_text(text: str) -> None:
    check_seen(text)
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    assert not re.search(r"##\w*\[", text)


def check_github(text: str) -> None:
    check_seen(text)
    for line in text.splitlines():
        assert re.match(r"(::(?:error|warning) file=[^:,]+(,line=\d+,col=\d+)?,title=shapecalc::|ok     )", line), line
        if line.startswith("ok"):
            check_text(line)


def check_json(text: str) -> None:
    check_seen(text)
    json.loads(text)


def check_yaml(text: str) -> None:
    check_seen(text)
    assert isinstance(yaml.safe_load(text), dict)


def check_jsonl(text: str) -> None:
    check_seen(text)
    assert all(isinstance(json.loads(line), dict) for line in text.split("\n") if line)


def check_csv(text: str) -> None:
    check_text(text)
    rows = list(csv.reader(io.StringIO(text)))
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        assert cell[:1] not in "=+-@" or not cell or re.fullmatch(r"-?[\d.]+", cell), cell


def check_markdown(text: str) -> None:
    check_text(text)
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable("table")
    tokens = [one for token in reader.parse(text) for one in (token, *(token.children or ()))]
    assert not {token.type for token in tokens} & {
        "html_inline",
        "html_block",
        "link_open",
        "image",
        "s_open",
        "em_open",
    } - (
        {"em_open"} if "### " in text else set()  # the docs of kinds stand in italics
    )
    for table in re.findall(r"(?m)(?:^\|.*\|(?:\n|\Z))+", text) if "### " not in text else ():
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def check_latex(text: str) -> None:
    check_text(text)
    live = re.sub(r"(?m)(?<!\\)%.*$", "", text)
    assert not re.search(r"\\(evil|input|write)\b(?!enc)", live.replace(r"\usepackage[utf8]{inputenc}", ""))
    assert live.count(r"\begin{") == live.count(r"\end{")
    assert len(re.findall(r"(?<!\\)\$", live)) % 2 == 0


def check_markup(text: str) -> None:
    check_seen(text)
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(as_xml(text)).iter()}
    assert tags <= {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "br", "svg", "title", "style", "rect", "text",
                    "path", "html", "head", "meta", "body", "desc", "p", "strong", "ul", "li", "pre"}  # fmt: skip
    assert "onerror=alert(1)>" not in text


def check_python(text: str) -> None:
    check_text(text)
    body = ast.parse(text).body
    assert body
    space: dict[str, Any] = {"__builtins__": {"max": max, "min": min}}
    exec(text, space)  # runs nothing but definitions
    for node in body:
        assert isinstance(node, ast.FunctionDef)
        assert node.name in shapecalc_quantities()
        assert len(node.body) == 1
        assert isinstance(node.body[0], ast.Return)
        assert all(isinstance(n, (ast.Name, ast.BinOp, ast.UnaryOp, ast.Constant, ast.Tuple, ast.operator, ast.unaryop, ast.Load))
                   for n in ast.walk(node.body[0].value))  # fmt: skip
        assert space[node.name](*[7] * len(node.args.args))


def shapecalc_quantities() -> tuple[str, ...]:
    from shapecalc.questions.formula import QUANTITIES

    return QUANTITIES


CHECKS: dict[str, Callable[[str], None]] = {
    "": check_yaml, "text": check_text, "json": check_json, "jsonl": check_jsonl, "csv": check_csv,
    "markdown": check_markdown, "latex": check_latex, "html": check_markup, "svg": check_markup, "github": check_github,
    "python": check_python,
}  # fmt: skip
BINARY = ("parquet", "pdf", "png")  # only as files


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return files with hostile names and contents."""
    folder = tmp_path_factory.mktemp("specs")
    named_so = (
        f"::error file=a,line=1::pwned\r{FORGED}\u2028{FORGED}\x85{FORGED}\u202e\x1b[31m`|<img src=x>$\\evil$.yaml"
    )
    found = {name: folder / name / named_so.replace("/", "") for name in ("good", "family", "nameless", "wordy")}
    spec = yaml.safe_load(good())
    del spec["name"]
    for name, text in (
        ("good", good()),
        ("family", family()),
        ("nameless", dumped(spec)),
        ("wordy", good("net" + " FORGED" * 40)),
    ):
        found[name].parent.mkdir()
        found[name].write_text(text)
    return found


@pytest.fixture(autouse=True, scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Add hostile networks to the bundled ones, besides the two that the commands use here."""
    folder, real = tmp_path_factory.mktemp("bundled"), Path(locate.bundled_folder())
    for name in ("alexnet", "lenet5"):
        (folder / f"{name}.yaml").write_bytes((real / f"{name}.yaml").read_bytes())
    (folder / "net.yaml").write_text(good())
    (folder / "family.yaml").write_text(family())
    import_module("shapecalc.questions.speed.devices")  # its first import must not keep the folder of this test
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locate, "bundled_folder", lambda: str(folder))
        yield


@pytest.fixture(autouse=True)
def _back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return from the folder that `changes` is run in."""
    monkeypatch.chdir(".")


def test_every_command_is_tested_with_hostile_names() -> None:
    assert {*FED, *SERVERS} == set(commands())
    assert {format_ for _, format_ in CASES} == {*CHECKS, *BINARY}


@pytest.mark.parametrize(("name", "format_"), some([case for case in CASES if case[1] not in BINARY], 8))
@pytest.mark.parametrize("spec", some(["good", "family", "nameless"], 1))
def test_no_output_executes_hides_or_forges(name: str, format_: str, spec: str, specs: dict[str, Path]) -> None:
    for arguments in FED[name](specs[spec])[: None if spec == "good" else 1]:
        ran = run(name, *arguments, *(["--format", format_] if format_ else []))
        assert (ran.status, ran.err) == (0, ""), ran
        CHECKS[format_](ran.out)


@pytest.mark.parametrize("name", some([name for name, format_ in CASES if format_ == "text"], 2))
def test_no_output_forges_lines_when_wrapped(name: str, specs: dict[str, Path]) -> None:
    for arguments in [*FED[name](specs["good"]), FED[name](specs["wordy"])[0]]:
        ran = run(name, *arguments, columns=50)
        assert (ran.status, ran.err) == (0, "")
        check_text(ran.out)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in commands()
        if name not in ("changes", "devices", "init", "layer", "layers", "schema", "specs", *SERVERS)
    ],
)
def test_no_error_text_hides_or_forges(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"a\r{FORGED}\u2028{FORGED}\u202e.yaml"
    for text in BROKEN if name in ("summary", "check") else BROKEN[1::4]:
        file.write_text(text)
        ran = run(name, *FED[name](file)[0])
        assert ran.status in ((0, 1, 2) if name == "sizes" else (1, 2)), text
        check_text(ran.err)
        check_text(ran.out)
        assert not [line for line in ran.err.splitlines() if line.lstrip().startswith("FORGED")]
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("text", BROKEN)
def test_errors_are_escaped_for_github_and_json(text: str, tmp_path: Path) -> None:
    file = tmp_path / f"a,b:c%\r{FORGED}\u2028{FORGED}.yaml"
    file.write_text(text)
    annotations = run("check", file, "--format", "github").out
    check_github(annotations)
    assert annotations.startswith("::error file=")
    check_json(run("check", file, "--format", "json").out)
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(file).infer() and shapecalc.load(file).check()
    check_text(defuse(str(caught.value)))


def test_a_file_named_like_a_ci_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("::error file=a::b.yaml", "##[error]a.yaml"):
        (tmp_path / name).write_text("input: 3\nlayers: [rleu]\n")
        ran = run("check", name)
        check_text(ran.out)
        check_text(ran.err)
        assert ran.err.startswith(("\\::error", "#\\#[error]"))


@pytest.mark.parametrize("name", some([name for name in commands() if name not in SERVERS], 6))
def test_no_option_value_hides_or_forges(name: str) -> None:
    bad = f"a\n{FORGED}\u202e\x1b[31m\n::error::b=1"
    command = commands()[name]
    given: list[list[str]] = [
        [bad],
        ["alexnet", bad],
        [f"--{bad}"],
        ["alexnet", f"--{bad}", bad],
        ["alexnet", "lenet5", bad],
    ]
    parameters = command.params
    if isinstance(command, click.Group):
        inner = command.get_command(click.Context(command), "conv")
        assert inner
        given += [["conv", bad], ["conv", f"--{bad}"]]
        parameters = inner.params
    for parameter in parameters:
        if isinstance(parameter, click.Option) and not parameter.is_flag and not {"-o", "--plot"} & set(parameter.opts):
            start = ["conv"] if isinstance(command, click.Group) else ["lenet5"]
            given += [[*start, parameter.opts[0], value] for value in (bad, f"x={bad}", f"{bad}=3")]
    for arguments in given:
        ran = run(name, *arguments)
        check_text(ran.err)
        assert "Traceback" not in ran.err
        assert ran.status in (0, 1, 2)
        if ran.status:
            assert ran.err


def test_every_name_is_still_shown(specs: dict[str, Path]) -> None:
    printed = json.loads(run("summary", specs["good"], "--format", "json").out)
    assert printed["name"] == SPEECH
    assert [layer["name"] for layer in printed["layers"]][: len(NAMES)] == NAMES
    assert "é漢字" in run("summary", specs["good"]).out
    assert (
        "(net is {})".format("é漢字")
        in run("sizes", "-", text='{name: "(net is é漢字)", input: 8, layers: [relu]}').out
    )


def test_reported_examples(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(
        "name: \"net\\nimport os; os.system('echo PWNED')  #\"\n"
        "input: 3x8x8\nvars: {lambda: 4}\nlayers:\n  - conv: {out_channels: lambda, kernel_size: 3}\n"
    )
    check_python(python := run("formula", file, "--format", "python", "-s", "lambda").out)
    assert run("formula", file, "-s", "lambda", "-s", "lambda").out.count("lambda: a variable") == 1
    assert python.startswith("# net␊import os; os.system('echo PWNED')  #;")
    assert "\n# lambda_, for lambda: a variable" in python
    assert "\ndef params(lambda_):\n    return 28*lambda_\n" in python
    printed = json.loads(run("formula", file, "--format", "json", "-s", "lambda").out)
    assert printed["python"]["params"] == "28*lambda_"
    assert printed["symbols"]["lambda"]["python"] == "lambda_"
    assert "\n% net" not in (latex := run("formula", file, "--format", "latex").out)
    assert latex.splitlines()[0].startswith("% net␊import os")


@pytest.mark.parametrize(
    ("names", "printed"),
    [(["lambda"], ["lambda_"]), (["max", "H"], ["max_", "H"]), (["ﬁ", "fi"], ["fi", "fi_"]), (["a", "a"], ["a"]),
     (["lambda_", "lambda"], ["lambda_", "lambda__"]), (["x y", "1"], ["x_y", "_1"]), (["é", "漢字"], ["é", "漢字"]),
     (["__debug__", "None", "match"], ["__debug___", "None_", "match"]), (["\u3164a"], ["_a"])],
)  # fmt: skip
def test_names_of_python_parameters(names: list[str], printed: list[str]) -> None:
    assert list(python_names(names).values()) == printed
    compile(f"def f({', '.join(printed)}): pass", "", "exec")


def test_csv_cells_are_not_formulas() -> None:
    for text in ("=1+1", "+1+1", "-x", "@a", "=HYPERLINK(1)", "  =1", "＝1", "::error::x"):
        assert csv_cell(text) == f"'{text}"
    for text in ("-1", "+3.5", "1e-5", "-2e+8", "a=b", "x", "", "–", "3x3"):
        assert csv_cell(text) == text


def test_code_spans_have_more_backticks_than_their_text() -> None:
    for ticks in range(6):
        text = f"{'`' * ticks}<b>{'`' * ticks} `"
        tokens = MarkdownIt().parse(markdown_code(text))[1].children or []
        assert [(token.type, token.content) for token in tokens] == [("code_inline", text)]


def test_names_have_no_markup_in_markdown() -> None:
    assert markdown("[a](b) <i> _x_ a_b `c` |") == "\\[a\\](b) \\<i\\> \\_x\\_ a_b \\`c\\` \\|"
    assert markdown("http://x.y www.x.y a: b") == "http\\://x.y www\\.x.y a: b"  # no addresses, which GitHub would link
    assert markdown("a\nb") == "a␊b"


def test_invisible_characters_are_shown() -> None:
    assert clean("a\u3164b") == "a\N{REPLACEMENT CHARACTER}b"
    assert clean("a\x1b\x7f\u202e\x85b") == "a␛␡\N{REPLACEMENT CHARACTER} b"
    assert html("a\n<b>'\"") == "a␊&lt;b&gt;&#x27;&quot;"
    assert latex("a\n::%") == "a?:{:}\\%"
    assert join_lines(["a\nb", "c"]) == "a␊b\nc"


@pytest.mark.parametrize("format_", [format_ for name, format_ in CASES if name == "sweep" and format_ not in BINARY])
def test_string_values_of_a_sweep(format_: str, tmp_path: Path) -> None:
    file = tmp_path / "pad.yaml"
    file.write_text(
        "input: 3x8x8\nvars: {pad: same}\nlayers: [conv: {out_channels: 4, kernel_size: 3, padding: pad}]\n"
    )
    words = json.dumps(["same", KEY, "=HYPERLINK(1)", "::error::x"])[1:-1]
    ran = run("sweep", file, "--set", f"pad={words}", "--format", format_)
    assert (ran.status, ran.err) == (0, "")
    CHECKS[format_](ran.out)
    assert header_of(["=a", "b,c"], "csv") == '\'=a,"b,c"\n'


def test_headings_are_escaped() -> None:
    for color in (False, True):
        drawn = draw_blocks([listing(["[red]x[/red]\n"], [["1"]])], "text", color=color)
        assert "[red]x[/red]␊" in drawn


def test_annotations() -> None:
    assert github("100 %\nb\r::c") == "100 %25%0Ab␍::c"
    assert github_property("a,b:c%\n") == "a%2Cb%3Ac%25␊"


def test_json_escapes_invisible_characters() -> None:
    for value in (WORSE, "\ud800", "\U000e0041\x7f", {"é": ["漢字 🎉"]}):
        for indent in (None, 2):
            text = json_text(value, indent)
            check_seen(text)
            assert json.loads(text) == value
    assert json_text("é漢字🎉") == '"é漢字🎉"'


@pytest.mark.parametrize("values", [[], [{"a": 1}, ["é"]], [{"a": WORSE}, "b"], ["\ud800", {"\x7f": None}]])
def test_many_values_are_written_as_each_of_them(values: list[Any]) -> None:
    assert json_lines(values) == [json_text(value) for value in values]


def test_ci_commands_are_escaped() -> None:
    assert defuse("a\n  ::error::b\n::x\nc::d") == "a\n  \\::error::b\n\\::x\nc::d"
    assert defuse("a ##[error]b ##vso[x] ## [c]") == "a #\\#[error]b #\\#vso[x] ## [c]"
