"""Roles of learned tensors: what a weight is to its network, for formats that store some of them wider than others.

A kind maps the names of its weights to roles in `weight_roles`. A tensor without a role is none of these matrices: the
weight of a normalisation, a bias, a vector. Of a PROJECTION, what it is follows from where it stands in the network
(`shapecalc.questions.memory.weights.tensors`): in a feed-forward network, before experts, or as the output of a
language model.
"""

from __future__ import annotations

__all__ = [
    "ATTENTION_OUTPUT", "EXPERTS_DOWN", "EXPERTS_UP", "FEED_FORWARD_DOWN", "FEED_FORWARD_UP", "FROM_LATENT", "KEY",
    "MIXER", "OUTPUT", "POSITIONS", "PROJECTION", "QUERY", "QUERY_KEY_VALUE", "ROUTER", "TOKENS", "VALUE",
]  # fmt: skip

TOKENS = "table of tokens"
POSITIONS = "table of positions"
QUERY = "projection of queries"
KEY = "projection of keys"
VALUE = "projection of values"
QUERY_KEY_VALUE = "projection of queries, keys and values"
FROM_LATENT = "projection of a latent to keys and values"
ATTENTION_OUTPUT = "projection of attention's output"
MIXER = "projection in or out of a recurrence"
EXPERTS_UP = "experts, in"
EXPERTS_DOWN = "experts, out"
PROJECTION = "projection"
FEED_FORWARD_UP = "feed-forward network, in"
FEED_FORWARD_DOWN = "feed-forward network, out"
ROUTER = "router"
OUTPUT = "scores of tokens"
