"""The documentation site: built without a warning, without a resource of another host, and without a broken link."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import shapecalc
from shapecalc import testing
from shapecalc.cli import cli
from shapecalc.layers import KINDS

NEEDED = [name for name in ("sphinx", "myst_parser", "furo", "latex2mathml") if not find_spec(name)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(NEEDED) and not os.environ.get("SHAPECALC_REQUIRE_SITE"), reason=f"needs {NEEDED}"),
]

DOCS = Path(__file__).parent.parent / "docs"
LOADED = {
    "link": "href",
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "object": "data",
    "use": "href",
}
"""The attributes of elements by which a browser loads what they name."""
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(HTMLParser):
    """What a page of the site has: identifiers, links, loaded resources, and the text of elements by their name."""

    def __init__(self, file: Path):
        super().__init__()
        self.ids, self.links, self.loaded, self.styles, self.texts = set(), [], [], [], {}
        self.prose = ""
        self._open: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self._open.append(tag)
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if given.get(LOADED.get(tag, "")) and given.get("rel") not in ("canonical", "index", "search", "next", "prev"):
            self.loaded.append(given[LOADED[tag]])
        self.loaded += [part.split()[0] for part in (given.get("srcset") or "").split(",") if part.strip()]
        self.styles.append(given.get("style") or "")
        self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        if self._open and self._open[-1] == "style":
            self.styles.append(data)
        if not {"pre", "code", "script", "style"} & {*self._open}:
            self.prose += data
        for tag in {*self._open}:
            self.texts[tag][-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, and its pages by their path."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "auto", "-b", "html", "-d", folder / "trees",
               DOCS, folder / "html"]  # fmt: skip
    built = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert (built.returncode, built.stderr) == (0, "")
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    return {file.relative_to(site).as_posix(): Page(file) for file in sorted(site.rglob("*.html"))}


def is_remote(address):
    return bool(urlsplit(address).netloc)


def test_every_page_is_built_and_in_the_tree(pages):
    for page in DOCS.glob("*.md"):
        assert f"{page.stem}.html" in pages
        assert page.stem == "index" or f"{page.stem}.html" in pages["index.html"].links, page.stem


def test_nothing_is_loaded_from_another_host(site, pages):
    for path, page in pages.items():
        assert len(page.loaded) > 3, path
        assert [address for address in page.loaded if is_remote(address)] == [], path
        assert not re.search(REMOTE_IN_CSS, "".join(page.styles)), path
    styles = [*site.rglob("*.css"), *site.rglob("*.svg")]
    assert len(styles) > 10
    for file in styles:
        assert not re.search(REMOTE_IN_CSS, file.read_text(encoding="utf-8")), file.name


def test_no_script_loads_from_another_host(site):
    scripts = [*site.rglob("*.js")]
    assert len(scripts) > 5
    for file in scripts:
        assert not re.search(REMOTE_IN_SCRIPT, file.read_text(encoding="utf-8")), file.name
    assert re.search(REMOTE_IN_SCRIPT, 'tag.src = "https://cdn.example/x.js"')
    assert re.search(REMOTE_IN_SCRIPT, "fetch('//cdn.example/x')")


REMOTE_IN_SCRIPT = r"""(?:\b(?:src|href|url)\s*[=:]|\b(?:fetch|import|importScripts|open|Request)\s*\(?|\bfrom)\s*["'`](?:https?:)?//"""
REMOTE_IN_CSS = r"""(?:url\(|@import)\s*["']?(?:https?:)?//"""


def test_resources_exist(site, pages):
    for path, page in pages.items():
        for address in page.loaded:
            if not address.startswith("data:"):
                assert (site / path).parent.joinpath(unquote(urlsplit(address).path)).exists(), (path, address)


def test_links_within_the_site_are_valid(site, pages):
    checked = 0
    for path, page in pages.items():
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            file = ((site / path).parent / unquote(parts.path)).resolve() if parts.path else (site / path).resolve()
            assert file.is_file(), (path, address)
            target = pages.get(file.relative_to(site.resolve()).as_posix())
            if parts.fragment and target:
                assert unquote(parts.fragment) in target.ids, (path, address)
            checked += 1
    assert checked > 1000


def test_every_kind_has_its_section(pages):
    for name, cls in KINDS.items():
        headings = [text.removesuffix("¶") for text in pages[f"reference/kinds/{cls.family}.html"].texts["h2"]]
        assert headings.count(name) == 1
        assert any(f"{cls.family}.html#" in link for link in pages["reference/kinds.html"].links)


def test_the_first_example_of_a_kind_is_a_specification_and_a_command(pages, tmp_path):
    shown = [text for path, page in pages.items() if path.startswith("reference/kinds/") for text in page.texts["pre"]]
    checked = 0
    for name, cls in KINDS.items():
        for example in cls.examples[:1]:
            (spec,) = [text for text in shown if text.startswith(f"name: {name}\n")]
            file = tmp_path / "example.yaml"
            file.write_text(spec, encoding="utf-8")
            total = shapecalc.load(file).infer().total
            assert (total.params, total.macs) == (example.params, example.macs), name
            (command,) = [text for text in shown if text.startswith(f"$ shapecalc layer {name} ")]
            assert f"{example.params:,}" in command or not example.params, name
            checked += 1
    assert checked > 150


def test_every_command_has_its_section(pages):
    page = pages["reference/commands.html"]
    headings = [text.removesuffix("¶") for text in [*page.texts["h2"], *page.texts.get("h3", [])]]
    for name in cli.list_commands(None):
        assert headings.count(name) == 1
        assert any(
            text.startswith(f"$ shapecalc {name} --help\nUsage: shapecalc {name} ") for text in page.texts["pre"]
        )


def test_help_is_what_the_command_prints(pages):
    from running import run

    printed = {text.partition("\n")[2].rstrip() for text in pages["reference/commands.html"].texts["pre"]}
    for name in ("", "memory", "draw", "solve"):
        assert run(*name.split(), "--help", columns=80).out.rstrip() in printed, name


def test_every_public_name_has_its_section(pages):
    headings = [text.removesuffix("¶") for text in pages["reference/python.html"].texts["h3"]]
    assert sorted(headings) == sorted([*shapecalc.__all__, *testing.__all__])


def test_formulas_are_mathml(pages):
    assert len(pages["reference/kinds/conv.html"].texts["math"]) > 10
    for path, page in pages.items():
        assert not re.search(r"\\(d?frac|lfloor|cdot|times|text)\b|\$", page.prose), path
