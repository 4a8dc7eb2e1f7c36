"""The language server: the functions of this room over the protocol. This module imports pygls.

Requests are generators: what they yield is worked out for the version of the document that the request was made of.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from shapecalc.editor import actions, completion, diagnostics, hints, hover, navigation
from shapecalc.editor.session import SETTLED, EditedDocument, Server, lsp

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias

    from shapecalc.editor.analysis import Analysis
    from shapecalc.editor.conversion import ProtocolConverter

    Request: TypeAlias = Generator[Any, Any, Any]

__all__ = ["CHOOSE_VARIANT", "make_server", "serve"]

CHOOSE_VARIANT = "shapecalc.chooseVariant"
"""The command that chooses the member of a family that is shown: the document's URI, and the variant."""


def serve() -> None:
    """Serve an editor over standard input and output, until it ends that. Nothing else is written to its output."""
    logging.getLogger("pygls").setLevel(logging.ERROR)  # it logs a document that has changed as an error
    stream: Any = _Output(sys.stdout.buffer)
    with contextlib.redirect_stdout(sys.stderr):
        make_server().start_io(stdout=stream)


class _Output:
    """Standard output, which stays open after the server has closed it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def write(self, data: bytes) -> int:
        return self.stream.write(data)

    def flush(self) -> None:
        self.stream.flush()

    def close(self) -> None:
        self.stream.flush()


def make_server() -> Server:
    """Return a server with all its features."""
    server = Server()
    _documents(server)
    _queries(server)
    _actions(server)
    _lenses(server)
    return server


def _documents(server: Server) -> None:
    """Add what follows the documents of the editor."""

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        one = params.text_document
        server.documents[one.uri] = EditedDocument(one.uri, one.text, one.version, str(one.language_id))
        server.publish_soon(one.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        document = server.documents.get(uri)
        if document is None:
            return
        document.change(params.content_changes[-1].text, params.text_document.version)
        server.publish_soon(uri, SETTLED if uri in server.waiting and not server.waiting[uri].done() else 0.0)
        server.refresh_users(uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.documents.pop(uri, None)
        server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri=uri, diagnostics=[]))
        server.refresh_users(uri)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def saved_elsewhere(params: lsp.DidChangeWatchedFilesParams) -> None:
        for change in params.changes:
            server.refresh_users(change.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        server.refresh_users(params.text_document.uri)


def _queries(server: Server) -> None:
    """Add what the editor asks about a position or a range."""

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    def inlay_hints(params: lsp.InlayHintParams) -> Request:
        lines = (params.range.start.line, params.range.end.line)
        return (
            yield server.ask(
                params.text_document.uri, lambda analysis, to: list(map(to.inlay_hint, hints.hints(analysis, lines)))
            )
        )

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hovered(params: lsp.HoverParams) -> Request:
        return (
            yield server.ask(
                params.text_document.uri,
                lambda analysis, to: to.hover(hover.hover(analysis, to.from_position(params.position))),
            )
        )

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=["{", "[", ":", " ", "-", ",", "("])
    )
    def completed(params: lsp.CompletionParams) -> Request:
        return (
            yield server.ask(
                params.text_document.uri,
                lambda analysis, to: to.completions(
                    completion.completions(analysis, to.from_position(params.position)), snippets=server.has_snippets
                ),
            )
        )

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def defined(params: lsp.DefinitionParams) -> Request:
        return (
            yield server.ask(
                params.text_document.uri,
                lambda analysis, to: to.locations(navigation.definition(analysis, to.from_position(params.position))),
            )
        )

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def referred(params: lsp.ReferenceParams) -> Request:
        whole = params.context.include_declaration

        def work(analysis: Analysis, to: ProtocolConverter) -> list[lsp.Location]:
            at = to.from_position(params.position)
            return to.locations(navigation.references(analysis, at, with_definition=whole))

        return (yield server.ask(params.text_document.uri, work))


def _actions(server: Server) -> None:
    """Add the fixes of problems."""

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])
    )
    def acted(params: lsp.CodeActionParams) -> Request:
        only = params.context.only
        if only and not any("quickfix".startswith(str(getattr(kind, "value", kind))) for kind in only):
            return []
        uri, asked = params.text_document.uri, params.range

        def work(analysis: Analysis, to: ProtocolConverter) -> tuple[list[lsp.CodeAction], bool]:
            found = [to.code_action(one) for one in actions.quick_fixes(analysis, to.from_range(asked))]
            return found, any(to.touches(one.range, asked) for one in diagnostics.diagnostics(analysis))

        answer = yield server.ask(uri, work)
        if answer is None:
            return None
        found, is_on_problem = answer
        return found + ((yield server.fixes_of, (uri,), {}) if is_on_problem else [])


def _lenses(server: Server) -> None:
    """Add the totals above lines, and the choice of a variant."""

    @server.feature(lsp.TEXT_DOCUMENT_CODE_LENS, lsp.CodeLensOptions(resolve_provider=True))
    def lenses(params: lsp.CodeLensParams) -> Request:
        return (
            yield server.ask(params.text_document.uri, lambda analysis, to: list(map(to.lens, hints.lenses(analysis))))
        )

    @server.feature(lsp.CODE_LENS_RESOLVE)
    def resolved(params: lsp.CodeLens) -> Request:
        data: Any = params.data if isinstance(params.data, dict) else {}
        uri, variant = str(data.get("uri", "")), str(data.get("variant", ""))
        title = yield server.ask(uri, lambda analysis, _: hints.title_of_variant(analysis, variant))
        params.command = lsp.Command(title or "", CHOOSE_VARIANT, arguments=[uri, variant])
        return params

    @server.command(CHOOSE_VARIANT)
    async def choose_variant(uri: str, variant: str) -> None:
        document = server.documents.get(uri)
        if document is not None:
            document.variant, document.analysis = variant, None
            server.publish_soon(uri)
            server.refresh()
