"""The language server: the functions of this room over the protocol. This module imports pygls.

A document is analysed once for each version, in a thread of its own, so that the server answers while it works; the
search for fixes has another. A result for a text that has changed in the meantime is not sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from shapecalc import __version__
from shapecalc.editor import actions, completion, diagnostics, hints, hover, navigation
from shapecalc.editor.analysis import Analysis
from shapecalc.editor.conversion import ProtocolConverter
from shapecalc.editor.recognition import is_specification
from shapecalc.errors import MissingExtraError

try:
    from lsprotocol import types as lsp
    from pygls.exceptions import JsonRpcException
    from pygls.lsp.server import LanguageServer
    from pygls.uris import to_fs_path
except ModuleNotFoundError as error:
    raise MissingExtraError("the language server", "pygls", "lsp") from error

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHOOSE_VARIANT", "Server", "serve"]

CHOOSE_VARIANT = "shapecalc.chooseVariant"
"""The command that chooses the member of a family that is shown: the document's URI, and the variant."""

_SETTLED = 0.05
"""Seconds without an edit after which diagnostics are worked out, where edits follow each other."""

_SECONDS_FOR_FIXES = 1.5
"""Seconds that a request waits for the search for fixes."""

_T = TypeVar("_T")


class _Document:
    """A document that is open: its text and version, the variant that is shown, and its analysis, once there is one."""

    def __init__(self, uri: str, text: str, version: int, language: str) -> None:
        self.uri = uri
        self.path = to_fs_path(uri) or ""
        self.language = language
        self.version = version
        self.text = text
        self.variant = ""
        self.is_recognised = is_specification(text, self.path, language)
        self.analysis: Analysis | None = None
        self.search: tuple[Analysis, asyncio.Future[list[actions.Action]]] | None = None

    def change(self, text: str, version: int) -> None:
        """Replace the text. What was a specification stays one: a key may be missing while it is written."""
        self.text, self.version, self.analysis = text, version, None
        self.is_recognised = self.is_recognised or is_specification(text, self.path, self.language)


class Server(LanguageServer):
    """The state of a server: the open documents."""

    def __init__(self) -> None:
        super().__init__("shapecalc", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.documents: dict[str, _Document] = {}
        self.worker = ThreadPoolExecutor(1, "analysis")
        self.searcher = ThreadPoolExecutor(1, "fixes")
        self.waiting: dict[str, asyncio.Task[None]] = {}

    @property
    def unit(self) -> str:
        """The units that both sides count characters in."""
        return str(getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding) or "utf-16")

    def converter(self, analysis: Analysis, uri: str) -> ProtocolConverter:
        """Return what makes the types of the protocol of an analysis."""
        return ProtocolConverter(analysis, uri, self.unit)

    def analysed(self, document: _Document) -> Analysis:
        """Return the analysis of a document: the same one for one version."""
        if document.analysis is None:
            others = {os.path.realpath(one.path): one.text for one in self.documents.values() if one.path}
            document.analysis = Analysis(document.text, document.path, document.variant, others)
        return document.analysis

    async def answer(self, uri: str, work: Callable[[Analysis, ProtocolConverter], _T]) -> _T | None:
        """Return the result of a function of the analysis of a document; None for one that is no specification.

        Errors: `JsonRpcException` if the document has changed while it was worked out.
        """
        document = self.documents.get(uri)
        if document is None or not document.is_recognised:
            return None
        version, analysis = document.version, self.analysed(document)
        converter = self.converter(analysis, uri)
        result = await asyncio.get_running_loop().run_in_executor(self.worker, work, analysis, converter)
        if document.version != version or self.documents.get(uri) is not document:
            raise JsonRpcException("the document has changed", lsp.LSPErrorCodes.ContentModified.value)
        return result

    async def fixes_of(self, uri: str) -> list[lsp.CodeAction]:
        """Return the fixes of a document, if they are found soon; a search that takes longer is for the next request."""
        document = self.documents[uri]
        analysis = self.analysed(document)
        if document.search is None or document.search[0] is not analysis:
            run = asyncio.get_running_loop().run_in_executor(self.searcher, actions.fixes, analysis)
            document.search = (analysis, run)
        search = document.search[1]
        await asyncio.wait([search], timeout=_SECONDS_FOR_FIXES)
        if not search.done() or document.analysis is not analysis:
            return []
        return list(map(self.converter(analysis, uri).code_action, search.result()))

    def publish_soon(self, uri: str, seconds: float = 0.0) -> None:
        """Send the diagnostics of a document once it was not edited for some seconds."""
        before = self.waiting.pop(uri, None)
        if before is not None:
            before.cancel()
        self.waiting[uri] = asyncio.get_running_loop().create_task(self._publish(uri, seconds))

    async def _publish(self, uri: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        document = self.documents.get(uri)
        if document is None or not document.is_recognised:
            return
        version = document.version
        try:
            found = await self.answer(
                uri, lambda analysis, to: list(map(to.diagnostic, diagnostics.diagnostics(analysis)))
            )
        except JsonRpcException:
            return  # another one is waiting
        sent = lsp.PublishDiagnosticsParams(uri=uri, version=version, diagnostics=found or [])
        self.text_document_publish_diagnostics(sent)

    def refresh_users(self, changed: str) -> None:
        """Analyse the documents again that use blocks of other files, after one of these has changed."""
        for document in self.documents.values():
            if document.uri != changed and document.analysis is not None and document.analysis.uses_files:
                document.analysis = None
                self.publish_soon(document.uri, _SETTLED)

    def refresh(self) -> None:
        """Ask the editor to ask again for what it shows between lines."""
        workspace = self.client_capabilities.workspace
        if workspace and workspace.inlay_hint and workspace.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)
        if workspace and workspace.code_lens and workspace.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)


def serve() -> None:
    """Serve an editor over standard input and output, until it ends that. Nothing else is written to its output."""
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
    async def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        one = params.text_document
        server.documents[one.uri] = _Document(one.uri, one.text, one.version, str(one.language_id))
        server.publish_soon(one.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        document = server.documents.get(uri)
        if document is None:
            return
        document.change(server.workspace.get_text_document(uri).source, params.text_document.version)
        server.publish_soon(uri, _SETTLED if uri in server.waiting and not server.waiting[uri].done() else 0.0)
        server.refresh_users(uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.documents.pop(uri, None)
        server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri=uri, diagnostics=[]))
        server.refresh_users(uri)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def saved_elsewhere(params: lsp.DidChangeWatchedFilesParams) -> None:
        for change in params.changes:
            server.refresh_users(change.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        server.refresh_users(params.text_document.uri)


def _queries(server: Server) -> None:
    """Add what the editor asks about a position or a range."""

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    async def inlay_hints(params: lsp.InlayHintParams) -> list[lsp.InlayHint] | None:
        lines = (params.range.start.line, params.range.end.line)
        return await server.answer(
            params.text_document.uri, lambda analysis, to: list(map(to.inlay_hint, hints.hints(analysis, lines)))
        )

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        return await server.answer(
            params.text_document.uri,
            lambda analysis, to: to.hover(hover.hover(analysis, to.from_position(params.position))),
        )

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=["{", "[", ":", " ", "-", ",", "("])
    )
    async def completed(params: lsp.CompletionParams) -> list[lsp.CompletionItem] | None:
        return await server.answer(
            params.text_document.uri,
            lambda analysis, to: to.completions(completion.completions(analysis, to.from_position(params.position))),
        )

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    async def defined(params: lsp.DefinitionParams) -> list[lsp.Location] | None:
        return await server.answer(
            params.text_document.uri,
            lambda analysis, to: to.locations(navigation.definition(analysis, to.from_position(params.position))),
        )

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    async def referred(params: lsp.ReferenceParams) -> list[lsp.Location] | None:
        whole = params.context.include_declaration

        def work(analysis: Analysis, to: ProtocolConverter) -> list[lsp.Location]:
            at = to.from_position(params.position)
            return to.locations(navigation.references(analysis, at, with_definition=whole))

        return await server.answer(params.text_document.uri, work)


def _actions(server: Server) -> None:
    """Add the fixes of problems."""

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])
    )
    async def acted(params: lsp.CodeActionParams) -> list[lsp.CodeAction] | None:
        only = params.context.only
        if only and not any("quickfix".startswith(str(getattr(kind, "value", kind))) for kind in only):
            return []
        uri, asked = params.text_document.uri, params.range

        def work(analysis: Analysis, to: ProtocolConverter) -> tuple[list[lsp.CodeAction], bool]:
            found = [to.code_action(one) for one in actions.quick_fixes(analysis, to.from_range(asked))]
            return found, any(to.touches(one.range, asked) for one in diagnostics.diagnostics(analysis))

        answer = await server.answer(uri, work)
        if answer is None:
            return None
        found, is_on_problem = answer
        return found + (await server.fixes_of(uri) if is_on_problem else [])


def _lenses(server: Server) -> None:
    """Add the totals above lines, and the choice of a variant."""

    @server.feature(lsp.TEXT_DOCUMENT_CODE_LENS, lsp.CodeLensOptions(resolve_provider=True))
    async def lenses(params: lsp.CodeLensParams) -> list[lsp.CodeLens] | None:
        return await server.answer(
            params.text_document.uri, lambda analysis, to: list(map(to.lens, hints.lenses(analysis)))
        )

    @server.feature(lsp.CODE_LENS_RESOLVE)
    async def resolved(params: lsp.CodeLens) -> lsp.CodeLens:
        data: Any = params.data if isinstance(params.data, dict) else {}
        uri, variant = str(data.get("uri", "")), str(data.get("variant", ""))
        title = (
            await server.answer(uri, lambda analysis, _: hints.title_of_variant(analysis, variant)) if variant else ""
        )
        params.command = lsp.Command(title or "", CHOOSE_VARIANT, arguments=[uri, variant])
        return params

    @server.command(CHOOSE_VARIANT)
    async def choose_variant(uri: str, variant: str) -> None:
        document = server.documents.get(uri)
        if document is not None:
            document.variant, document.analysis = variant, None
            server.publish_soon(uri)
            server.refresh()
