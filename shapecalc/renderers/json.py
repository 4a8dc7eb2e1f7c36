"""A report as JSON: `report.to_dict()`, the stable contract, with one line for each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.escaping import json_lines, json_text

if TYPE_CHECKING:
    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine

__all__ = ["draw", "write_contract"]


def draw(report: Report, *, with_fields: bool = False, with_shares: bool = False, folded_at: int | None = None) -> str:
    """Return the report as JSON, with the receptive field and the shares of every layer if requested.

    At the depth `folded_at` it also lists the blocks and layers that are repeated.
    """
    contract = report.to_dict()
    if with_shares:
        activations = sum(row.activations for row in report.rows)
        for layer, row in zip(contract["layers"], report.rows, strict=True):
            layer["params_share"] = _part(row.params, report.total.params)
            layer["macs_share"] = _part(row.macs, report.total.macs)
            layer["output_bytes_share"] = _part(row.activations, activations)
    if with_fields:
        from shapecalc.questions.receptive_field import ReceptiveFields

        fields = ReceptiveFields(report).to_dict()
        for layer, found in zip(contract["layers"], fields["layers"], strict=True):
            layer["receptive_field"] = found["receptive_field"]
        contract["misaligned"] = fields["misaligned"]
    if folded_at:
        from shapecalc.renderers.folding import fold

        lines = report.lines(folded_at)
        name_of = {id(line.rows[0]): line.name for line in lines}
        contract["folded"] = [_entry(line, name_of) for line in fold(lines) if line.copies > 1]
    return write_contract(contract)


def _entry(line: ReportLine, name_of: dict[int, str]) -> dict[str, Any]:
    """Return lines that are alike, with the sums over all; `name_of` is the name of each, by its first layer."""
    return {
        "name": line.name,
        "kind": line.kind,
        "count": line.copies,
        "names": [name_of[id(row)] for row in line.rows if id(row) in name_of],
        "first": line.rows[0].name,
        "last": line.rows[-1].name,
        **line.total._asdict(),
    }


def _part(number: int, whole: int) -> float:
    """Return the share of a number in a whole, to six decimal places."""
    return round(number / whole, 6) if whole else 0.0


def write_contract(contract: dict[str, Any]) -> str:
    """Return an object as JSON, with one line for each object in its lists."""
    entries = [f"  {json_text(key)}: {_write(value)}" for key, value in contract.items()]
    return "{\n" + ",\n".join(entries) + "\n}"


def _write(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        return "[\n    " + ",\n    ".join(json_lines(value)) + "\n  ]"
    return json_text(value)
