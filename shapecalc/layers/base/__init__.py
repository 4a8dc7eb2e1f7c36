"""What every layer kind is made of: layer, arguments, shape, axes, window, dependence."""
