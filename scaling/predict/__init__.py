"""Forecasts: posterior statements about runs nobody has made, evaluated under NumPy."""
