"""Layered layout of a directed graph with clusters: boxes in rows from top to bottom, edges between the rows.

It knows sizes and edges only. A cluster is laid out by itself, and is a box of the cluster around it; an edge that
enters or leaves a cluster does so at a port on its border. Each step is a module: rows (`ranks.py`), their order
(`ordering.py`), columns (`columns.py`), pieces (`wrapping.py`), edges (`channels.py`, `tracks.py`); `nesting.py` puts
clusters into one another. All edges of one start share a line, from which each branches off. Everything is
deterministic, and near linear in time.
"""

from __future__ import annotations

from shapecalc.renderers.pictures.layered.nesting import lay_out
from shapecalc.renderers.pictures.layered.parts import Arrangement, Card, Cluster, Placed

__all__ = ["Arrangement", "Card", "Cluster", "Placed", "lay_out"]
