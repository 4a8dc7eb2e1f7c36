"""The language server over its protocol, as an editor uses it: pytest-lsp starts `shapecalc lsp`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IS_REQUIRED = bool(os.environ.get("SHAPECALC_REQUIRE_LSP"))
if not IS_REQUIRED:
    pytest.importorskip("pytest_lsp", reason="it needs pytest-lsp: pip install --group lsp")

import pytest_lsp  # noqa: E402
from lsprotocol import types as lsp  # noqa: E402
from pygls.exceptions import JsonRpcException  # noqa: E402

URI = "file:///work/net.shapecalc.yaml"
GOOD = "input: 3x32x32\nlayers:\n- conv: {out_channels: 16, kernel_size: 3}\n- relu\n"
COMMAND = [sys.executable, "-m", "shapecalc", "lsp", "--stdio"]
ALL = lsp.Range(lsp.Position(0, 0), lsp.Position(10_000, 0))


def running(body, encodings=("utf-16",), editor="visual_studio_code", own=None):
    """Run a session with a server."""

    async def session():
        client = pytest_lsp.make_test_lsp_client()
        await client.start_io(*COMMAND)
        try:
            capabilities = pytest_lsp.client_capabilities(editor)
            capabilities.general.position_encodings = list(encodings)
            capabilities.text_document = own or capabilities.text_document
            started = await client.initialize_session(lsp.InitializeParams(capabilities=capabilities))
            await asyncio.wait_for(body(client, started.capabilities), 30)
        finally:
            await client.shutdown_session()
            await client.stop()

    asyncio.run(session())


def opening(client, text, uri=URI, language="yaml"):
    document = lsp.TextDocumentItem(uri, language, 1, text)
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(document))


def changing(client, version, text, uri=URI):
    identifier = lsp.VersionedTextDocumentIdentifier(version, uri)
    change = lsp.TextDocumentContentChangeWholeDocument(text)
    client.text_document_did_change(lsp.DidChangeTextDocumentParams(identifier, [change]))


async def diagnosed(client, count, uri=URI):
    """The diagnostics of a document, once there are so many (None: any)."""
    end = time.monotonic() + 20
    while (
        uri not in client.diagnostics
        or (count is None) > len(client.diagnostics[uri])
        or (count is not None and len(client.diagnostics[uri]) != count)
    ):
        assert time.monotonic() < end, client.diagnostics
        await asyncio.sleep(0.01)
    return list(client.diagnostics[uri])


def document(uri=URI):
    return lsp.TextDocumentIdentifier(uri)


async def labels(client, uri=URI):
    found = await client.text_document_inlay_hint_async(lsp.InlayHintParams(document(uri), ALL))
    return [(one.position.line, one.label) for one in found or ()]


def test_what_the_server_can():
    async def body(client, can):
        assert can.inlay_hint_provider
        assert can.hover_provider
        assert can.completion_provider
        assert can.definition_provider
        assert can.references_provider
        assert can.code_action_provider
        assert can.code_lens_provider.resolve_provider
        assert can.text_document_sync.change == lsp.TextDocumentSyncKind.Full

    running(body)


def test_a_session():
    async def body(client, _):
        opening(client, GOOD)
        await diagnosed(client, 0)
        assert await labels(client) == [(2, "→ 16×30×30 · 448 params"), (3, "→ 16×30×30")]
        position = lsp.Position(2, 4)
        found = await client.text_document_hover_async(lsp.HoverParams(document(), position))
        assert "⌊(32 + 2·0 − 3) / 1⌋ + 1" in found.contents.value
        items = await client.text_document_completion_async(lsp.CompletionParams(document(), lsp.Position(3, 4)))
        relu = next(one for one in items if one.label == "relu")
        assert relu.text_edit.range == lsp.Range(lsp.Position(3, 2), lsp.Position(3, 6))
        (lens,) = await client.text_document_code_lens_async(lsp.CodeLensParams(document()))
        assert lens.command.title == "3×32×32 → 16×30×30 · 2 layers · 448 params · 388,800 MACs"
        changing(client, 2, GOOD.replace("relu", "rleu"))
        (one,) = await diagnosed(client, 1)
        assert one.message == "there is no kind of layer called rleu\ndid you mean relu?"
        assert one.range == lsp.Range(lsp.Position(3, 2), lsp.Position(3, 6))
        assert await labels(client) == [(2, "→ 16×30×30 · 448 params")]
        context = lsp.CodeActionContext([one])
        actions = await client.text_document_code_action_async(lsp.CodeActionParams(document(), one.range, context))
        (edit,) = actions[0].edit.changes[URI]
        assert (actions[0].is_preferred, edit.new_text, edit.range) == (True, "relu", one.range)
        client.text_document_did_close(lsp.DidCloseTextDocumentParams(document()))
        await diagnosed(client, 0)

    running(body)


@pytest.mark.parametrize("has_snippets", [True, False])
def test_completion_with_and_without_snippets(has_snippets):
    item = lsp.ClientCompletionItemOptions(snippet_support=has_snippets)
    own = lsp.TextDocumentClientCapabilities(completion=lsp.CompletionClientCapabilities(completion_item=item))

    async def body(client, _):
        opening(client, GOOD)
        items = await client.text_document_completion_async(lsp.CompletionParams(document(), lsp.Position(3, 2)))
        conv = next(one for one in items if one.label == "conv")
        if has_snippets:
            assert conv.insert_text_format == lsp.InsertTextFormat.Snippet
            assert conv.text_edit.new_text == "conv: {out_channels: ${1:out_channels}, kernel_size: ${2:kernel_size}\\}"
        else:
            assert (conv.insert_text_format, conv.text_edit.new_text) == (None, "conv: ")
        assert items[0].label == "conv"
        assert [one.sort_text for one in items] == sorted(one.sort_text for one in items)

    running(body, own=own)


def test_errors_of_variants_follow_those_of_the_text():
    text = "input: 3x8x8\nvars: {k: 3}\nlayers:\n- conv: {out_channels: 4, kernel_size: k}\n- rleu\nvariants:\n  a: {}\n  b: {vars: {z: 1}}\n"

    async def body(client, _):
        opening(client, text)
        found = await diagnosed(client, 2)
        assert [(one.range.start.line, one.message.partition("\n")[0]) for one in found] == [
            (4, "there is no kind of layer called rleu"), (7, "b: there is no variable z to set"),
        ]  # fmt: skip

    running(body)


@pytest.mark.parametrize(
    ("encodings", "character"), [((), 19), (("utf-16",), 19), (("utf-8",), 24), (("utf-32", "utf-8"), 17)]
)
def test_positions_are_in_the_units_that_were_agreed(encodings, character):
    text = "input: 8\r\nlayers:\r\n- {name: '🎉e\u0301🎉', rleu: {}}\r\n"

    async def body(client, can):
        assert can.position_encoding == (encodings[0] if encodings else "utf-16")
        opening(client, text)
        (one,) = await diagnosed(client, 1)
        assert one.range == lsp.Range(lsp.Position(2, character), lsp.Position(2, character + 4))
        found = await client.text_document_code_action_async(
            lsp.CodeActionParams(document(), one.range, lsp.CodeActionContext([one]))
        )
        assert found[0].edit.changes[URI][0].range == one.range
        changing(client, 2, text.replace("rleu", "relu"))
        await diagnosed(client, 0)
        hovered = await client.text_document_hover_async(lsp.HoverParams(document(), lsp.Position(2, character + 1)))
        assert hovered.range == lsp.Range(lsp.Position(2, character), lsp.Position(2, character + 4))

    running(body, encodings)


def test_other_yaml_files_are_left_alone():
    other = "version: 3\nservices:\n  web:\n    image: x\n    layers: [\n"

    async def body(client, _):
        opening(client, other, "file:///work/docker-compose.yaml")
        opening(client, GOOD)
        await diagnosed(client, 0)
        assert client.diagnostics.get("file:///work/docker-compose.yaml", []) == []
        assert await labels(client, "file:///work/docker-compose.yaml") == []
        opening(client, "layers: [", "file:///work/a.yaml", "shapecalc")
        await diagnosed(client, 1, "file:///work/a.yaml")

    running(body)


def test_edits_that_follow_each_other():
    """Each answer is that of the last version, or that the document has changed."""
    long = GOOD + "- relu\n" * 400  # so that edits come while it is worked out
    kinds = [long.replace("out_channels: 16", f"out_channels: {number}") for number in range(1, 41)]

    async def body(client, _):
        opening(client, GOOD)
        answers = []
        for number, text in enumerate(kinds, 1):
            changing(client, number + 1, text)
            asked = client.text_document_inlay_hint(lsp.InlayHintParams(document(), ALL))  # sent now
            answers.append((number, asyncio.wrap_future(asked)))
        results = await asyncio.gather(*[answer for _, answer in answers], return_exceptions=True)
        assert any(isinstance(result, JsonRpcException) for result in results), "texts that were edited meanwhile"
        for (number, _), result in zip(answers, results, strict=True):
            if isinstance(result, JsonRpcException):
                assert result.code == lsp.LSPErrorCodes.ContentModified
            else:
                assert result[0].label.startswith(f"→ {number}×30×30")
        assert (await labels(client))[0][1].startswith("→ 40×30×30")

    running(body)


def test_the_server_outlives_hostile_texts():
    laughs = "a: &a [1,1]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)
    )

    async def body(client, _):
        for number, text in enumerate(
            (laughs, "input: 8\nlayers:\n- relu:\n  repeat: 1000000000\n", "\0", "# " * 600_000)
        ):
            uri = f"file:///work/{number}.shapecalc.yaml"
            opening(client, text, uri)
            await diagnosed(client, None, uri)
        opening(client, GOOD)
        assert len(await labels(client)) == 2

    running(body)


def test_a_file_that_another_one_uses(tmp_path):
    cells, net = tmp_path / "cells.yaml", tmp_path / "net.yaml"
    cells.write_text("blocks:\n  cell: [relu]\n", encoding="utf-8")
    text = "use: cells.yaml\ninput: 3x8x8\nlayers:\n- cell\n"

    async def body(client, _):
        opening(client, text, net.as_uri())
        await diagnosed(client, 0, net.as_uri())
        opening(client, "blocks:\n  cell: [relu]\n", cells.as_uri())
        changing(client, 2, "blocks:\n  cell: [rleu]\n", cells.as_uri())
        (one,) = await diagnosed(client, 1, net.as_uri())
        assert one.related_information[0].location.uri == cells.as_uri()
        defined = await client.text_document_definition_async(
            lsp.DefinitionParams(document(net.as_uri()), lsp.Position(3, 3))
        )
        assert [place.uri for place in defined] == [cells.as_uri()]

    running(body)


def test_the_variant_that_is_chosen():
    text = (ROOT / "specs" / "resnet.yaml").read_text(encoding="utf-8")

    async def body(client, _):
        opening(client, text)
        await diagnosed(client, 0)
        lenses = await client.text_document_code_lens_async(lsp.CodeLensParams(document()))
        lens = next(one for one in lenses if (one.data or {}).get("variant") == "resnet18")
        lens = await client.code_lens_resolve_async(lens)
        assert lens.command.title == "11,689,512 params · 1,814,073,344 MACs · show this variant"
        assert "→ 1000 · 2,049,000 params" in [label for _, label in await labels(client)]
        await client.workspace_execute_command_async(
            lsp.ExecuteCommandParams(lens.command.command, arguments=lens.command.arguments)
        )
        assert "→ 1000 · 513,000 params" in [label for _, label in await labels(client)]

    running(body, editor="neovim")


def test_it_ends_with_its_input():
    """Silently, and with a good status."""
    ran = subprocess.run(COMMAND, input=b"", capture_output=True, timeout=30, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
