"""Fitting: from observations to a gated posterior, in JAX and NumPyro."""
