"""Text for people: units, counts, cells of a terminal."""
