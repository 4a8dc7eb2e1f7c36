"""The state of a language server: the open documents, and what works on them. This module imports pygls.

A document is analysed once for each version, in a thread of its own, so that the server answers while it works; the
search for fixes has another. A result for a text that has changed in the meantime is not sent.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from shapecalc import __version__
from shapecalc.editor import actions, diagnostics
from shapecalc.editor.analysis import Analysis
from shapecalc.editor.recognition import is_specification
from shapecalc.errors import MissingExtraError

try:
    from lsprotocol import types as lsp
    from pygls.exceptions import JsonRpcException
    from pygls.lsp.server import LanguageServer
    from pygls.uris import to_fs_path

    from shapecalc.editor.conversion import ProtocolConverter
except ModuleNotFoundError as error:
    raise MissingExtraError("the language server", "pygls", "lsp") from error

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SETTLED", "ChangedError", "EditedDocument", "Server", "lsp"]

SETTLED = 0.05
"""Seconds without an edit after which diagnostics are worked out, where edits follow each other."""

_SECONDS_FOR_FIXES = 1.5
"""Seconds that a request waits for the search for fixes."""

_T = TypeVar("_T")


class ChangedError(JsonRpcException):
    """A document has changed before the answer to a request was sent: the editor asks again."""


class EditedDocument:
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
        self.documents: dict[str, EditedDocument] = {}
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

    def analysed(self, document: EditedDocument) -> Analysis:
        """Return the analysis of a document: the same one for one version."""
        if document.analysis is None:
            others = {os.path.realpath(one.path): one.text for one in self.documents.values() if one.path}
            document.analysis = Analysis(document.text, document.path, document.variant, others)
        return document.analysis

    def ask(
        self, uri: str, work: Callable[[Analysis, ProtocolConverter], _T]
    ) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """Return what a handler yields, for the result of a function of the analysis of a document as it is now.

        The result is None for one that is no specification.
        """
        document = self.documents.get(uri)
        return self.answer, (document, document.version if document else 0, work), {}

    async def answer(
        self, document: EditedDocument | None, version: int, work: Callable[[Analysis, ProtocolConverter], _T]
    ) -> _T | None:
        """Return the result of a function of the analysis of a version of a document.

        Errors: `JsonRpcException` if the document has changed since, or while it was worked out.
        """
        if document is None or not document.is_recognised:
            return None
        result = None
        if document.version == version:
            analysis = self.analysed(document)
            converter = self.converter(analysis, document.uri)
            result = await asyncio.get_running_loop().run_in_executor(self.worker, work, analysis, converter)
        if document.version != version or self.documents.get(document.uri) is not document:
            raise ChangedError("the document has changed", lsp.LSPErrorCodes.ContentModified.value)
        return result

    async def fixes_of(self, uri: str) -> list[lsp.CodeAction]:
        """Return the fixes of a document, if they are found soon: a longer search is for the next request."""
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
        sent: list[lsp.Diagnostic] = []
        for work in (diagnostics.diagnostics, diagnostics.of_variants):
            try:
                found = await self.answer(document, version, partial(_converted, work))
            except ChangedError:
                return  # another one is waiting
            if found or work is diagnostics.diagnostics:  # those of the text are not kept waiting for those of variants
                sent += found or []
                params = lsp.PublishDiagnosticsParams(uri=uri, version=version, diagnostics=sent)
                self.text_document_publish_diagnostics(params)

    def refresh_users(self, changed: str) -> None:
        """Analyse the documents again that use blocks of other files, after one of these has changed."""
        for document in self.documents.values():
            if document.uri != changed and document.analysis is not None and document.analysis.uses_files:
                document.analysis = None
                self.publish_soon(document.uri, SETTLED)

    def refresh(self) -> None:
        """Ask the editor to ask again for what it shows between lines."""
        workspace = self.client_capabilities.workspace
        if workspace and workspace.inlay_hint and workspace.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)
        if workspace and workspace.code_lens and workspace.code_lens.refresh_support:
            self.workspace_code_lens_refresh(None)


def _converted(
    work: Callable[[Analysis], list[diagnostics.Diagnostic]], analysis: Analysis, to: ProtocolConverter
) -> list[lsp.Diagnostic]:
    return [to.diagnostic(one) for one in work(analysis)]
