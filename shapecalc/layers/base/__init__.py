"""The parts of every layer kind: layer, arguments, shape, axes, window, dependence."""
