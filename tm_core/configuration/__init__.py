"""Settings in layers, and which features they turn on."""
