"""Charts: where the costs of a network are, its memory over time, receptive fields, and plots of other answers."""
