"""The answers of this room as the types of the language server protocol, in the units of an editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from shapecalc.editor.diagnostics import ERROR, NOTE, WARNING
from shapecalc.editor.positions import EditedText, Position, Range
from shapecalc.errors import ShapecalcError
from shapecalc.language.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.editor.actions import Action
    from shapecalc.editor.analysis import Analysis
    from shapecalc.editor.completion import Completion
    from shapecalc.editor.diagnostics import Diagnostic
    from shapecalc.editor.hints import InlayHint, Lens
    from shapecalc.editor.hover import Hover
    from shapecalc.editor.navigation import Location

__all__ = ["ProtocolConverter"]

_SEVERITIES = {
    ERROR: lsp.DiagnosticSeverity.Error,
    WARNING: lsp.DiagnosticSeverity.Warning,
    NOTE: lsp.DiagnosticSeverity.Information,
}
_SORTS = {
    "kind": lsp.CompletionItemKind.Class,
    "block": lsp.CompletionItemKind.Struct,
    "argument": lsp.CompletionItemKind.Property,
    "key": lsp.CompletionItemKind.Keyword,
    "layer": lsp.CompletionItemKind.Reference,
    "variable": lsp.CompletionItemKind.Variable,
    "function": lsp.CompletionItemKind.Function,
    "value": lsp.CompletionItemKind.EnumMember,
    "file": lsp.CompletionItemKind.File,
}


class ProtocolConverter:
    """One analysis in one unit of characters."""

    def __init__(self, analysis: Analysis, uri: str, unit: str) -> None:
        self.analysis = analysis
        self.text = analysis.text
        self.uri = uri
        self.unit = unit

    def position(self, position: Position) -> lsp.Position:
        """Return a position in the units of the editor."""
        return lsp.Position(*self.text.to_units(position, self.unit))

    def range(self, range_: Range) -> lsp.Range:
        """Return a range in the units of the editor."""
        return lsp.Range(self.position(range_.start), self.position(range_.end))

    def from_position(self, position: lsp.Position) -> Position:
        """Return a position of the editor in code points."""
        return self.text.from_units(Position(position.line, position.character), self.unit)

    def from_range(self, range_: lsp.Range) -> Range:
        """Return a range of the editor in code points."""
        return Range(self.from_position(range_.start), self.from_position(range_.end))

    @staticmethod
    def touches(own: Range, asked: lsp.Range) -> bool:
        """Return whether a range is in the lines of one that the editor asks about."""
        return bool(own.start.line <= asked.end.line and own.end.line >= asked.start.line)

    def diagnostic(self, one: Diagnostic) -> lsp.Diagnostic:
        """Return a diagnostic with its related locations."""
        related = [
            lsp.DiagnosticRelatedInformation(self._location(each.path, each.range), each.message)
            for each in one.related
        ]
        return lsp.Diagnostic(
            self.range(one.range),
            one.message,
            _SEVERITIES[one.level],
            source="shapecalc",
            related_information=related or None,
        )

    def inlay_hint(self, one: InlayHint) -> lsp.InlayHint:
        """Return an inlay hint."""
        return lsp.InlayHint(
            self.position(one.position), one.label, kind=lsp.InlayHintKind.Type, tooltip=one.tooltip, padding_left=True
        )

    def hover(self, one: Hover | None) -> lsp.Hover | None:
        """Return a hover in Markdown."""
        if one is None:
            return None
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, one.markdown), self.range(one.range))

    def completions(self, found: Iterable[Completion], *, snippets: bool = False) -> list[lsp.CompletionItem]:
        """Return completions, which the editor keeps in this order; as `snippets`, if it knows them."""
        return [
            lsp.CompletionItem(
                one.label,
                kind=_SORTS[one.sort],
                detail=one.detail or None,
                documentation=one.documentation or None,
                sort_text=f"{number:04}",
                filter_text=one.label,
                insert_text_format=lsp.InsertTextFormat.Snippet if snippets and one.snippet else None,
                text_edit=lsp.TextEdit(self.range(one.range), (snippets and one.snippet) or one.new_text),
            )
            for number, one in enumerate(found)
        ]

    def locations(self, found: Iterable[Location]) -> list[lsp.Location]:
        """Return locations, also those in other files."""
        return [self._location(one.path, one.range) for one in found]

    def _location(self, path: str, range_: Range) -> lsp.Location:
        if not path:
            return lsp.Location(self.uri, self.range(range_))
        from pygls.uris import from_fs_path

        other = self.analysis.edited.get(path)
        if other is None:
            try:
                other = read_bytes(path).decode("utf-8", "replace")
            except ShapecalcError:
                other = ""
        text = EditedText(other)
        ends = [lsp.Position(*text.to_units(end, self.unit)) for end in range_]
        return lsp.Location(from_fs_path(path) or "", lsp.Range(*ends))

    def lens(self, one: Lens) -> lsp.CodeLens:
        """Return a lens; the title of one for a variant is worked out when it is shown."""
        if one.variant:
            return lsp.CodeLens(self.range(one.range), data={"uri": self.uri, "variant": one.variant})
        return lsp.CodeLens(self.range(one.range), lsp.Command(one.title, ""))

    def code_action(self, one: Action) -> lsp.CodeAction:
        """Return an action with its edit of this document."""
        edits = [lsp.TextEdit(self.range(edit.range), edit.new_text) for edit in one.edits]
        return lsp.CodeAction(
            one.title,
            kind=lsp.CodeActionKind.QuickFix,
            edit=lsp.WorkspaceEdit({self.uri: edits}),
            is_preferred=one.is_preferred or None,
        )
