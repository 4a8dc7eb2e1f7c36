"""The questions about a network, one module or package each."""
