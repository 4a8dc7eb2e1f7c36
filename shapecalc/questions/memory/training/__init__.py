"""What training adds to the memory of a network: one file for each part of it, added up by `step`."""
