"""Fits as documents: a folder with `fit.json`, draws as netCDF, and where it all came from."""

from scaling.store._document import FitDocument, read_fit, write_fit
from scaling.store._folder import FitStore, reference_store

__all__ = ["FitDocument", "FitStore", "read_fit", "reference_store", "write_fit"]
