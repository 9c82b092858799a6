"""NumPyro models with the law or link as an argument: anyone can sample them with NUTS."""
