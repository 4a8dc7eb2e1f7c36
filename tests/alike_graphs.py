"""Whether the graph of a file is the same where no node is read as one like it was."""

from __future__ import annotations

from shapecalc.importers.alike import AlikeNodes


def read_twice(monkeypatch, load):
    """What `load` returns, a network, and how many of its nodes were like one before: it is the same without that."""
    again, hits = AlikeNodes.again, []

    def noted(*given):
        made = again(*given)
        hits.extend(made or ())
        return made

    with monkeypatch.context() as patch:
        patch.setattr(AlikeNodes, "again", noted)
        network = load()
        patch.setattr(AlikeNodes, "again", lambda *_: None)
        assert _plain(network.graph) == _plain(load().graph)
    return network, len(hits)


def _plain(graph):
    """The nodes of a graph with the arguments of their layers, and all else of it."""
    return [_as_values(node) for node in graph.nodes], graph._replace(nodes=())


def _as_values(node):
    return node._replace(layer=repr(node.layer), mark=node.mark.path)
