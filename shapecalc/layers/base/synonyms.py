"""What papers and other programs call arguments, for hints: only names that no framework has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["argument_meant"]

_SYNONYMS = {
    "in_channels": "in c_in in_dim in_planes input_channels input_dim",
    "in_features": "in d_in n_in in_dim input_dim input_size",
    "out_channels": "out c_out out_dim planes channels output_channels num_filters n_filters features",
    "out_features": "out d_out n_out out_dim output_dim output_size num_outputs num_classes features",
    "kernel_size": "size ksize filter_size window window_size",
    "num_embeddings": "vocab_size vocab n_vocab num_tokens",
    "embedding_dim": "dim embed_dim emb_dim emb_size embedding_size d_model hidden_size",
    "embed_dim": "dim d_model hidden_size hidden_dim",
    "d_model": "dim embed_dim hidden_size",
    "hidden_size": "hidden_dim d_hidden n_hidden num_units",
    "num_layers": "depth num_hidden_layers",
    "num_heads": "num_attention_heads heads n_heads nhead nheads n_head",
    "nhead": "num_attention_heads heads n_heads num_heads nheads n_head",
    "dim_feedforward": "d_ff ff_dim ffn_dim mlp_dim intermediate_size hidden_dim",
    "p": "prob probability dropout dropout_rate drop_prob",
}


def argument_meant(word: str, names: Collection[str]) -> str:
    """Return the argument that a word is another name for, of those of a kind; empty if it is none."""
    plain = word.lower().replace("-", "_")
    return next((name for name, words in _SYNONYMS.items() if name in names and plain in words.split()), "")
