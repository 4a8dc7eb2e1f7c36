"""The chart of shares: what is drawn is what `summary --shares` has."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from scene_laws import check_chart, keyed
from searching import FAMILY_ENDS, some

import shapecalc
from shapecalc.errors import ShapecalcError, UsageError
from shapecalc.renderers.pictures.charts.shares import MOST, OF
from shapecalc.renderers.pictures.scene import Label
from shapecalc.renderers.view import View


def scene_of(report, **options):
    return report.draw("shares", **options).scene


@pytest.mark.parametrize("name", some(FAMILY_ENDS, 6))
def test_lines_and_totals_are_those_of_the_table(name):
    report = shapecalc.load(name).infer()
    scene = scene_of(report)
    check_chart(scene, "data pale")
    view = View(report)
    lines = [line.name for line in view.lines]
    names = [label.text for label in keyed(scene, "name ", Label).values()]
    others = names.pop() if names[-1].endswith(" others") else ""
    assert len(names) + bool(others) <= MOST
    for column in OF:
        cells = dict(zip(lines, view.cells(column), strict=True))
        percents = dict(zip(lines, view.cells(f"{column}_share"), strict=True))
        amounts = keyed(scene, f"{column} ", Label)
        assert scene_total(scene, column) == view.sum(column)
        for index, shown in enumerate(names):
            line = next((one for one in lines if one == shown or ("…" in shown and one[:3] == shown[:3])), None)
            if line is None or "…" in shown:
                continue
            cell = cells[line] if cells[line] != "shared" else "–"
            assert amounts[f"{index} amount"].text == cell if cell != "–" else f"{index} amount" not in amounts
            if cell != "–":
                assert percents[line].endswith(amounts[f"{index} share"].text)


def scene_total(scene, column):
    return keyed(scene, f"total {column}", Label)[""].text


@pytest.mark.parametrize("name", some(FAMILY_ENDS, 4))
def test_bars_are_as_long_as_their_shares_and_all_shares_are_drawn(name):
    report = shapecalc.load(name).infer()
    for column in OF:
        scene = scene_of(report, of=column)
        bars = keyed(scene, f"{column} ")
        texts = keyed(scene, f"{column} ", Label)
        if column != "output_bytes":
            amounts = {
                key.split()[0]: int(text.text.replace(",", "")) for key, text in texts.items() if "amount" in key
            }
            assert sum(amounts.values()) == getattr(report.total, column)
            largest = max(amounts.values(), default=1)
            for key, bar in bars.items():
                assert bar.width == pytest.approx(max(130 * amounts[key] / largest, 0.75))
        assert max((bar.width for bar in bars.values()), default=130) == 130


def test_network_order_and_smaller_lines_together(tmp_path):
    path = tmp_path / "long.yaml"
    items = "".join(f"- conv: {{out_channels: {8 + i % 7}, kernel_size: 1}}\n" for i in range(500))
    path.write_text(f"name: long\ninput: 3x8x8\nlayers:\n{items}")
    report = shapecalc.load(path).infer()
    scene = scene_of(report, depth="all")
    names = [label.text for label in keyed(scene, "name ", Label).values()]
    assert names[-1] == "461 others"
    numbers = [int(name.removeprefix("conv")) for name in names[:-1]]
    assert len(numbers) == 39
    assert all(one < other for one, other in pairwise(numbers))
    shown = {row.name for row in report.rows if row.name in names}
    smallest = min(row.params for row in report.rows if row.name in shown)
    assert all(row.params <= smallest or row.macs <= 0 or row.name in shown for row in report.rows[1:])


def test_many_lines_are_legible_on_a_slide():
    """Of 40 lines a slide of 720 pixels had texts of 8."""
    scene = shapecalc.load("densenet201").infer().draw("shares", depth=2).scene
    assert len(keyed(scene, "name ", Label)) == MOST
    check_chart(scene)
    scale = min(1270 / scene.width, 710 / scene.height)
    assert min(label.size for label in scene.marks if isinstance(label, Label)) * scale > 9


def test_repeats_are_folded_and_blocks_expanded_at_a_depth():
    report = shapecalc.load("gpt2").infer()
    folded = [label.text for label in keyed(scene_of(report), "name ", Label).values()]
    assert folded == ["wte", "wpe", "dropout1", "h.0–11 ×12", "ln_f", "lm_head"]
    assert len(keyed(scene_of(report, depth=2), "name ", Label)) > len(folded)
    with pytest.raises(UsageError):
        scene_of(report, depth=0)


def test_lines_without_any_are_left_out_and_counted():
    scene = scene_of(shapecalc.load("alexnet").infer(), of="params")
    assert len(keyed(scene, "name ", Label)) == 8
    assert [label.text for label in scene.marks if label.key == "note"] == ["Not shown: 13 lines without parameters."]


@pytest.mark.parametrize(
    ("items", "params"),
    [("[relu]", "–"), ("[{fc: 3}]", "27"), ("[{opaque: {output_sizes: [4]}}, {fc: 3}]", "15"), ("[flatten]", "–")],
)
def test_no_parameters_one_layer_and_unknown_counts(items, params, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(f"name: small\ninput: [8]\nlayers: {items}\n")
    scene = scene_of(shapecalc.load(path).infer())
    check_chart(scene, "data pale")
    assert scene_total(scene, "params") == params
    texts = [label.text for label in scene.marks if isinstance(label, Label)]
    assert ("?" in texts) == ("opaque" in items)
    assert any(text.startswith("?: not known, of 1 line") for text in texts) == ("opaque" in items)


HOSTILE = ["<script>alert(1)</script>", "]]>&amp;", "\u202egnol", "x" * 10_000, "😀名" * 80, "a\nb", " "]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("style", ["shares", "memory", "receptive-field"])
def test_hostile_names_do_no_harm(name, style, tmp_path):
    path = tmp_path / "hostile.yaml"
    layers = [{"conv": {"out_channels": 4, "kernel_size": 3}, "name": "a"}, {"relu": {}, "name": name}]
    path.write_text(
        json.dumps({"name": name, "input": "3x9x9", "layers": layers}, ensure_ascii=False), encoding="utf-8"
    )
    try:
        report = shapecalc.load(path).infer()
    except ShapecalcError:  # not a name that a layer may have
        path.write_text(
            json.dumps({"name": name, "input": "3x9x9", "layers": layers[:1]}, ensure_ascii=False), encoding="utf-8"
        )
        report = shapecalc.load(path).infer()
    scene = report.draw(style).scene
    check_chart(scene)
    assert scene.width < 1200


@pytest.mark.parametrize(
    ("of", "words"),
    [("parms", "there is no column parms"), ("", "no column"), (3, "of must be"), ("name", "there is no")],
)
def test_wrong_names_of_shares(of, words):
    with pytest.raises(UsageError, match=words):
        scene_of(shapecalc.load("lenet5").infer(), of=of)
