"""The bytes of weights in the formats that they are stored in."""
