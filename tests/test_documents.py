"""The examples in the documents are the output of the program: `pytest --renew` renews them."""

from __future__ import annotations

import ast
import math
import os
import pkgutil
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pages import DOCUMENTS, ROOT, blocks_of
from searching import some

sys.path.insert(0, str(Path(__file__).parent / "cli"))
from running import run

import shapecalc
from shapecalc.layers import KINDS
from shapecalc.questions.solve import costs

CONSOLE = re.compile(r"```console\n\$ shapecalc ([^\n]*)\n(.*?)```", re.DOTALL)


def output_of(command: str) -> str:
    """The output of a command on a terminal of 80 columns."""
    arguments = re.findall(r"'[^']*'|\S+", command)
    ran = run(*[word.strip("'") for word in arguments], columns=80)
    text = "".join(line.rstrip() + "\n" for line in (ran.out + ran.err).splitlines())
    return text if text.endswith("\n") or not text else f"{text}\n"


@pytest.mark.parametrize("document", some(DOCUMENTS, 4), ids=lambda path: path.name)
def test_console_blocks(document, request, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = document.read_text(encoding="utf-8")
    fresh = CONSOLE.sub(lambda found: f"```console\n$ shapecalc {found[1]}\n{output_of(found[1])}```", text)
    if request.config.getoption("--renew"):
        document.write_text(fresh, encoding="utf-8")
        text = fresh
    assert text == fresh


def costs_of_windows():
    """Return the rows of the costs of `solve KIND`."""
    return [("a window", "what", "cost", "because")] + [
        (", ".join(row.sorts), row.what, f"{row.weight:g}", row.reason) for row in costs.WINDOWS
    ]


def costs_of_changes():
    """Return the rows of the costs of `solve --fix`."""
    return [("what", "cost", "because")] + [(row.what, f"{row.weight:g}", row.reason) for row in costs.CHANGES.values()]


def markdown(rows):
    head, *body = rows
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *body))


@pytest.mark.parametrize("table", [costs_of_windows, costs_of_changes])
def test_tables_of_costs_are_generated(table, request):
    document = ROOT / "docs" / "solve.md"
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(f"<!-- {table.__name__.replace('_', ' ')} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    assert begin
    assert end
    fresh = f"{before}{begin}{markdown(table())}{end}{after}"
    if request.config.getoption("--renew"):
        document.write_text(fresh, encoding="utf-8")
        text = fresh
    assert text == fresh


HERE = (
    "https://github.com/shapecalc/shapecalc/blob/main/",
    "https://raw.githubusercontent.com/shapecalc/shapecalc/main/",
)


def targets(text):
    """Return the targets of the links and pictures of a text, without the part after #."""
    defined = dict(re.findall(r"^\[([^]]+)\]: (\S+)$", text, re.MULTILINE))
    used = [name or words for words, name in re.findall(r"\[([^]\[]+)\]\[([^]\[]*)\]", text) if "`" not in words]
    return [*re.findall(r"\]\(([^)#]+)[^)]*\)", text), *(defined[name].split("#")[0] for name in used)]


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_are_valid(document):
    for target in targets(document.read_text(encoding="utf-8")):
        for address in HERE:
            if target.startswith(address):
                assert (ROOT / target.removeprefix(address)).exists(), target
        if "://" not in target:
            assert (document.parent / target).exists(), target


def anchors(text):
    """Return the anchors of the headings of a page, as GitHub makes them."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = [title.lower() for title in re.findall(r"^#+ (.+)$", outside, re.MULTILINE)]
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}


def sections_linked(text):
    """Return the links of a page to sections of pages: the page, which is empty for the same one, and the anchor."""
    return re.findall(
        r"(?:\]\(|^\[[^]]+\]: )(?!https?://(?!github.com/shapecalc))([^)#\s]*)#([^)\s]+)", text, re.MULTILINE
    )


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_to_sections_are_valid(document):
    for page, anchor in sections_linked(document.read_text(encoding="utf-8")):
        if page.startswith("https://") and not page.startswith(HERE[0]):
            continue  # a page that GitHub makes
        if page.startswith(HERE[0]):
            target = ROOT / page.removeprefix(HERE[0])
        else:
            target = document.parent / page if page else document
        assert anchor in anchors(target.read_text(encoding="utf-8")), (page, anchor)


def test_links_to_sections_are_found():
    assert sum(len(sections_linked(page.read_text(encoding="utf-8"))) for page in DOCUMENTS) > 10


def test_links_of_the_readme_are_absolute():
    found = targets((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(found) > 10
    assert [target for target in found if not target.startswith("https://")] == []


def test_the_address_of_the_project_is_one():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    urls = re.findall(r'= "(https://github[^"]+)"', text)
    assert len(urls) == 4
    for url in urls:
        assert f"{url}/".startswith("https://github.com/shapecalc/shapecalc/"), url
        path = url.removeprefix(HERE[0])
        assert path == url or (ROOT / path).exists(), url


def test_the_counts_of_other_tools_differ_by_what_the_page_says():
    """So that a row that is renewed by hand, or a rule that is wrong, is noticed; the tools themselves are not run."""
    text = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", text, re.MULTILINE)
    table = {name.split()[0]: [int(cell.replace(",", "")) for cell in cells] for name, *cells in rows}
    reports = [shapecalc.load(name).infer() for name in ("alexnet_torchvision", "resnet50", "vit_b_16")]
    assert table["shapecalc"] == [report.total.macs for report in reports]
    products = [
        sum(2 * 197**2 * 768 for row in report.rows if row.kind == "multi_head_attention") for report in reports
    ]
    assert products == [0, 0, 715_327_488]
    assert table["calflops"] == [ours - part for ours, part in zip(table["shapecalc"], products, strict=True)]
    assert table["PyTorch"] == [2 * macs for macs in table["calflops"]]

    def elements(report, kind, sizes="output_shape"):
        return sum(math.prod(getattr(row, sizes)) for row in report.rows if row.kind == kind)

    rules = [
        2 * elements(r, "batch_norm") + 5 * elements(r, "layer_norm") + elements(r, "adaptive_avg_pool", "input_shape")
        for r in reports
    ]
    assert table["fvcore"] == [macs + more for macs, more in zip(table["calflops"], rules, strict=True)]
    alexnet, resnet50, _ = reports
    biases = sum(row.biases * math.prod(row.output_shape[1:]) for row in alexnet.rows)
    assert (biases, table["torchinfo"][0]) == (494_184, table["shapecalc"][0] + biases)
    norms = sum(row.params for row in resnet50.rows if row.kind == "batch_norm")
    assert table["torchinfo"][1] == table["shapecalc"][1] + norms + resnet50["fc"].biases
    assert len(table) == 7


WRITTEN = re.compile(r"^shapecalc (.+ (?:-o|--plot)) (\S+\.svg)$", re.MULTILINE)
"""A command on a page that writes a picture."""


def pictures_of(page):
    """Return the pictures that a page shows, and the commands on it that write them."""
    text = page.read_text(encoding="utf-8")
    return {name: command for command, name in WRITTEN.findall(text) if name in shown_on(text)}


def shown_on(text):
    """Return the names of the pictures that a page shows, beside it or by an address."""
    return re.findall(r"\]\((\w[\w-]*\.svg)\)", text) + re.findall(
        rf"^\[[^]]+\]: {HERE[1]}docs/(\S+\.svg)$", text, re.MULTILINE
    )


PICTURES = {name: command for page in DOCUMENTS for name, command in pictures_of(page).items()}
"""The pictures of the documents, and the commands that draw them."""


@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_the_sizes_of_pictures_are_those_of_the_page(style):
    cells = [f"\n| shapecalc, `{style}`"]
    for name in ("alexnet", "unet", "resnet50", "inception_v3"):
        svg = shapecalc.load(name).infer().draw(style).svg
        cells.append("×".join(re.search(r'width="(\d+)" height="(\d+)"', svg).groups()))
    assert " | ".join(cells) in (ROOT / "docs" / "pictures-compared.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_up_to_date(name, request, tmp_path):
    assert run(*PICTURES[name].split(), tmp_path / name).status == 0
    drawn = (tmp_path / name).read_text(encoding="utf-8")
    if request.config.getoption("--renew"):
        (ROOT / "docs" / name).write_text(drawn, encoding="utf-8")
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == drawn


def test_every_picture_is_made_by_a_command_beside_it():
    for page in DOCUMENTS:
        found = pictures_of(page)
        assert {*shown_on(page.read_text(encoding="utf-8"))} == found.keys(), page.name
        assert found.items() <= PICTURES.items(), "a picture is drawn by one command"
    assert len(PICTURES) > 10


def test_the_readme_shows_five_things():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\d)\. ", text, re.MULTILINE) == ["1", "2", "3", "4", "5"]
    assert len(shown_on(text)) == text.count("![") == 5


PAGES_WITH_PYTHON = [page for page in DOCUMENTS if blocks_of(page, "python")]
SCHEDULER = "tcp://scheduler:8786"
"""The address of a Dask cluster on a page: a block with it runs where Dask is, on one that is started for it."""


@pytest.mark.parametrize("page", some(PAGES_WITH_PYTHON, 3), ids=lambda page: page.stem)
def test_python_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("docs").symlink_to(ROOT / "docs", target_is_directory=True)
    Path("mine.yaml").write_bytes((ROOT / "docs" / "shape_error.yaml").read_bytes())
    Path("features.yaml").write_text("input: 1x28x28\nlayers: [{conv: {out_channels: 20, kernel_size: 5}}]\n")
    names = {"shapecalc": shapecalc, "nn": SimpleNamespace(Linear=lambda features, _: features)}
    for block in blocks_of(page, "python"):
        if SCHEDULER in block:
            continue
        for statement in ast.parse(block).body:
            code = ast.get_source_segment(block, statement)
            comment = block.splitlines()[statement.end_lineno - 1].partition("  # ")[2].strip()
            if isinstance(statement, ast.Expr) and comment.isdigit():
                assert eval(code, names) == int(comment), code
            else:
                exec(code, names)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_example_with_a_cluster_runs():
    if os.environ.get("SHAPECALC_REQUIRE_DASK"):
        import distributed
    else:
        distributed = pytest.importorskip("distributed")
    (block,) = [one for one in blocks_of(ROOT / "docs" / "sweep.md", "python") if SCHEDULER in one]
    names = {"shapecalc": shapecalc}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        exec(block.replace(SCHEDULER, cluster.scheduler_address), names)
    assert len(names["result"]) == 3


def test_every_command_is_in_the_readme():
    from shapecalc.cli import cli

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in cli.list_commands(None):
        assert re.search(rf"^  {name} ", text, re.MULTILINE), name
        assert cli.get_command(None, name).help, name


WHOLE_SPECIFICATIONS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in DOCUMENTS
    for number, block in enumerate(blocks_of(page, "yaml"))
    if re.search(r"^inputs?:", block, re.MULTILINE)
]
"""The blocks of YAML that have an input: the others are parts of a specification."""


@pytest.mark.parametrize("block", WHOLE_SPECIFICATIONS)
def test_specifications_in_documents_meet_their_expectations(block):
    network = shapecalc.load(block)
    for variant in ("", *network.origin.specification.variants):
        assert shapecalc.load(network, variant=variant).check().total.params


def test_pages_with_specifications_are_found():
    assert {block.id.partition("-")[0] for block in WHOLE_SPECIFICATIONS} >= {"README", "language"}


@pytest.mark.parametrize("word", ["y", "n", "yes", "no", "on", "off", "Yes", "NO"])
def test_yes_and_no_are_values_only_where_true_or_false_is_expected(word):  # as docs/language.md says
    spec = f"input: 3x8x8\nlayers: [{{conv: {{out_channels: 8, kernel_size: 3, bias: {word}}}, frozen: {word}}}]\n"
    total = shapecalc.load(spec).infer().total
    meant = word.lower() in {"y", "yes", "on"}
    assert (total.params, total.trainable) == ((224, 0) if meant else (216, 216))
    with pytest.raises(shapecalc.SpecError, match=f"'{word}' is not a number or a word"):
        shapecalc.load(f"vars: {{wide: {word}}}\n{spec}")


def test_unreleased_changes_are_listed():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_reference_of_the_site_is_generated(monkeypatch):
    """Its pages, without Sphinx: tests/test_site.py builds them."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from _generate import commands, kinds, python

    doc, classes = kinds.families()["pool"]
    monkeypatch.setattr(kinds, "families", lambda: {"pool": (doc, classes[:1])})
    files = {**kinds.files(), **commands.files(), **python.files()}
    assert {*files} == {"kinds.md", "kinds/pool.md", "kinds/max_pool.svg", "commands.md", "python.md"}
    assert "- `max_pool: {kernel_size: 3, stride: 2}`: 55×55×96 → 27×27×96 (HWC)" in files["kinds/pool.md"]
    assert "- [`shapecalc sizes unet`](../solve.md#which-input-sizes-are-legal)" in files["commands.md"]
    assert "$ shapecalc draw --help\nUsage: shapecalc draw [OPTIONS] SPEC\n" in files["commands.md"]
    assert "#### `Network.infer`\n\n```python\nNetwork.infer(\n    *,\n    input: Any = None,\n" in files["python.md"]


def test_pictures_of_kinds(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from _generate import kinds

    drawn = {kind: kinds.picture(KINDS[kind])[1] for kind in ("conv", "transformer_decoder_layer", "relu", "lstm",
                                                                  "squeeze", "permute")}  # fmt: skip
    assert "55×55" in drawn["conv"]
    assert "the square roots of sizes" in drawn["conv"]
    assert all(text in drawn["transformer_decoder_layer"] for text in (">input2<", ">multihead_attn<", ">layer_norm3<"))
    for kind in ("relu", "lstm", "squeeze", "permute"):
        assert drawn[kind].count(">output<") == 1, kind  # both sizes, where there is no second map
        assert f">{KINDS[kind].kind}<" in drawn[kind]


def test_the_page_of_python_has_what_users_call(monkeypatch):
    """Members that no page shows in use are for other modules of shapecalc, and so are all of its modules."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from _generate import python

    monkeypatch.setattr(shapecalc.Network, "helper_of_renderers", shapecalc.Network.infer, raising=False)
    page = python.files()["python.md"]
    shown = set(re.findall(r"^#### `(\w+\.\w+)`$", page, re.MULTILINE))
    assert {"Network.infer", "Network.legal_sizes", "Report.draw", "Report.name", "Report.inputs"} <= shown
    assert (
        shown & {"Network.helper_of_renderers", "Network.with_overrides", "Report.lines", "Report.max_depth"} == set()
    )
    assert "<class" not in page


def test_no_page_names_a_private_module(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from _generate import python

    modules = "|".join(one.name for one in pkgutil.iter_modules(shapecalc.__path__) if one.name != "testing")
    private = re.compile(rf"\bshapecalc\.(?:{modules})\b|\b(?:renderers|questions|importers|exporters)\.[a-z]")
    texts = {path.name: path.read_text(encoding="utf-8") for path in DOCUMENTS} | python.files()
    assert {name: found for name, text in texts.items() if (found := private.findall(text))} == {}


def test_links_of_the_reference_lead_to_sections(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from _generate import commands

    found = sections_linked(commands.files()["commands.md"])
    assert len(found) > 40
    for page, anchor in found:
        assert anchor in anchors((ROOT / "docs" / page.removeprefix("../")).read_text(encoding="utf-8")), (page, anchor)
