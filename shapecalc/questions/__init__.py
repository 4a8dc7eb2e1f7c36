"""The questions that can be asked of a network, a room each."""
