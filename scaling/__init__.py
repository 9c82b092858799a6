"""At which model size a task emerges, what it costs, and how sure we are.

Import the modules you need (`scaling.laws`, `scaling.observations`, `scaling.inference`, ...): this package
itself imports nothing, so that the command line and the client start without JAX.
"""

__version__ = "0.1.0"
