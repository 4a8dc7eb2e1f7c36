"""The memory of a decoder that generates text: a run at a context, and what fits into a budget."""
