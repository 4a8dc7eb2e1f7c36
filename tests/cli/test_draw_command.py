"""`shapecalc draw`: formats, files, options and errors."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET

import pytest
from running import run

import shapecalc
from shapecalc.renderers.pictures import STYLES, Picture

RELU = "input: 3x8x8\nlayers: [relu]\n"


def test_an_svg_by_default():
    ran = run("draw", "lenet5")
    assert ran.status == 0
    assert ran.err == ""
    root = ET.fromstring(ran.out)
    assert root.tag.endswith("svg")
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"48,120 params", "10×10×16", "fc"} <= {*texts}
    assert ran.out == run("draw", "lenet5", columns=80).out


@pytest.mark.parametrize(
    ("name", "begins"), [("n.svg", b"<svg "), ("n.png", b"\x89PNG"), ("n.pdf", b"%PDF"), ("n.html", b"<!doctype html>")]
)
def test_the_suffix_is_the_format(name, begins, tmp_path):
    if name.endswith((".png", ".pdf")):
        pytest.importorskip("matplotlib")
    ran = run("draw", "lenet5", "-o", tmp_path / name)
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_html_is_a_whole_page():
    page = run("draw", "lenet5", "--format", "html").out
    assert page.count("<svg ") == 1
    assert "<title>LeNet-5: graph</title>" in page
    assert page.rstrip().endswith("</html>")


@pytest.fixture
def no_matplotlib(monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("spec", ["lenet5", "no/such/file.yaml"])
@pytest.mark.parametrize("format_", ["png", "pdf"])
@pytest.mark.usefixtures("no_matplotlib")
def test_images_are_not_for_a_terminal(format_, spec):
    ran = run("draw", spec, "--format", format_, columns=80)
    assert ran.status == 2
    assert ran.err == (
        f"{format_} is binary, and would garble the terminal\n   name a file with -o, or write to a pipe\n"
    )


@pytest.mark.usefixtures("no_matplotlib")
def test_images_need_matplotlib(tmp_path):
    ran = run("draw", "lenet5", "-o", tmp_path / "net.png")
    assert ran.status == 2
    assert ran.err == (
        "a picture as PNG needs matplotlib, which is not installed\n"
        "   install it with: pip install 'shapecalc-nn[plot]'\n"
    )
    assert not (tmp_path / "net.png").exists()
    assert run("draw", "lenet5", "-o", tmp_path / "net.svg").status == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--style", "grpah"], "'grpah' is not one of graph"),
        (["--depth", "0"], "'0' is not a depth: 1, 2, … or all"),
        (["--depth", "some"], "'some' is not a depth: 1, 2, … or all"),
        (["--direction", "up"], "'up' is not one of down, right"),
        (["--theme", "drak"], "'drak' is not one of auto, light, dark: did you mean dark?"),
        (["-o", "net.gif"], "net.gif: no format has the suffix .gif\n   name it .svg, .html, .png or .pdf"),
        (["-o", "net.csv"], "net.csv: this command does not write csv"),
        (["--format", "jpg"], "jpg"),
        (["-o", "no/such/folder/net.svg"], "no/such/folder/net.svg cannot be written"),
        (["--batch", "0"], "--batch"),
    ],
)
def test_wrong_options(options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run("draw", "lenet5", *options)
    assert ran.status == 2
    assert words in ran.err
    assert ran.out == ""
    assert list(tmp_path.iterdir()) == []


def test_an_option_of_another_style(monkeypatch):
    monkeypatch.setitem(STYLES, "bare", STYLES["graph"]._replace(options=()))
    with pytest.raises(shapecalc.UsageError) as error:
        shapecalc.load("lenet5").infer().draw("bare", depth=1)
    assert str(error.value) == "the style bare has no option depth\n   it is an option of graph, volumes, shares"


def test_a_network_with_a_shape_error(tmp_path):
    text = "input: 3x8x8\nlayers: [{conv: {out_channels: 4, kernel_size: 3}}, {max_pool: 9}]\n"
    ran = run("draw", "-", "-o", tmp_path / "net.svg", text=text)
    assert ran.status == 1
    assert "max_pool1" in ran.err
    assert (ran.out, list(tmp_path.iterdir())) == ("", [])


def test_standard_input_and_overrides():
    assert "3×8×8" in run("draw", "-", text=RELU).out
    assert "5×9×9" in run("draw", "-", "--input", "5x9x9", text=RELU).out
    assert "8×8×3" in run("draw", "-", "--layout", "hwc", "--input", "8x8x3", text=RELU).out
    one, four = (run("draw", "lenet5", "--batch", batch).out for batch in (1, 4))
    macs = shapecalc.load("lenet5").infer().total.macs
    assert f"{macs:,} MACs" in one
    assert f"{4 * macs:,} MACs · batch 4" in four


@pytest.mark.parametrize(
    "words", [["docs/digits.onnx", "--input", "1x28x28"], ["docs/digits.prototxt"], ["docs/detector.cfg"]]
)
def test_files_of_other_programs(words, pytestconfig, monkeypatch):
    monkeypatch.chdir(pytestconfig.rootpath)
    ran = run("draw", *words)
    assert ran.status == 0
    report = shapecalc.load(words[0], input="1x28x28" if "onnx" in words[0] else None).infer()
    assert f"{report.total.params:,} params" in ran.out


def test_a_config_of_hugging_face(tmp_path):
    config = {"model_type": "gpt2", "n_layer": 3, "n_embd": 64, "n_head": 4}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    ran = run("draw", tmp_path / "config.json", "--depth", "all")
    assert ran.status == 0
    assert "×3" in ran.out


def test_depths():
    boxes = [run("draw", "resnet18", "--depth", depth).out.count("<title>") for depth in ("1", "2", "all")]
    assert boxes == sorted(set(boxes))
    assert run("draw", "resnet18").out == run("draw", "resnet18", "--depth", "auto").out


def test_themes():
    auto, light, dark = (run("draw", "lenet5", "--theme", theme).out for theme in ("auto", "light", "dark"))
    assert "prefers-color-scheme" in auto
    assert "prefers-color-scheme" not in light + dark
    assert ".f-paper{fill:#ffffff}" in light
    assert ".f-paper{fill:#0d1117}" in dark


@pytest.mark.parametrize(("theme", "scheme"), [("auto", "light dark"), ("light", "light"), ("dark", "dark")])
def test_the_page_around_a_picture_has_its_theme(theme, scheme, tmp_path):
    run("draw", "lenet5", "--theme", theme, "-o", tmp_path / "command.html")
    shapecalc.load("lenet5").infer().draw(theme=theme).save(str(tmp_path / "library.html"))
    for name in ("command.html", "library.html"):
        page = (tmp_path / name).read_text(encoding="utf-8")
        assert re.findall(r"color-scheme: ([a-z ]*)", page) == [scheme]
        assert "background: light-dark(#ffffff, #0d1117)" in page


def test_directions():
    def size(*words):
        return [int(found) for found in re.search(r'width="(\d+)" height="(\d+)"', run("draw", *words).out).groups()]

    down, right = size("lenet5"), size("lenet5", "--direction", "right")
    assert down[0] < down[1]
    assert right[0] > right[1]


def test_the_library(tmp_path):
    report = shapecalc.load("lenet5").infer()
    picture = report.draw()
    assert type(picture) is Picture
    assert repr(picture) == "<Picture of LeNet-5: save() writes it>"
    assert picture.svg == picture.write() == run("draw", "lenet5").out[:-1]
    picture.save(str(tmp_path / "net.svg"))
    assert (tmp_path / "net.svg").read_text(encoding="utf-8") == picture.svg
    picture.save(str(tmp_path / "net.html"))
    assert "</html>" in (tmp_path / "net.html").read_text(encoding="utf-8")
    for name in ("net", "net.gif"):
        with pytest.raises(
            shapecalc.UsageError,
            match=f"{name} is not a format of pictures\n   use the suffix .svg, .html, .png or .pdf",
        ):
            picture.save(str(tmp_path / name))
    with pytest.raises(shapecalc.UsageError, match="there is no format of pictures gif"):
        picture.write("gif")
    with pytest.raises(shapecalc.UsageError, match=r"no style draws a .*\n   draw a report"):
        shapecalc.load("lenet5").explain("c1").draw()


def test_a_notebook_may_put_several_pictures_into_one_page():
    """Their styles are of themselves, so that they change neither one another nor the plots of others."""
    report = shapecalc.load("lenet5").infer()
    for theme in ("auto", "light", "dark"):
        shown, picture = report.draw(theme=theme)._repr_svg_(), report.draw(theme=theme).svg
        style = re.search("<style>(.*)</style>", shown)[1].replace("@media (prefers-color-scheme:dark){", "")
        rules = [part for rule in style.split("}") if "{" in rule for part in rule.split("{")[0].split(",")]
        assert len(rules) > 10
        assert {rule.split(" ")[0] for rule in rules} == {f".shapecalc-{theme}"}
        assert f'role="img" class="shapecalc-{theme}">' in shown
        assert shown.replace(f".shapecalc-{theme} ", "").replace(f' class="shapecalc-{theme}"', "") == picture
