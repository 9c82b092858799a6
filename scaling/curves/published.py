"""Published fits of curve laws, each with its source."""

from __future__ import annotations

from collections.abc import Mapping

from scaling.curves.multi_power import MultiPowerLaw

_NAMES = ("l_inf", "a", "alpha", "b", "c", "beta", "gamma")

# Luo et al. 2025, constants of their released code (unrounded), by size in parameters. Fitted with the warm-up's rises
# in the sum: evaluate them on a `Schedule(rates, warmup=0)` whose rates include the ramp of 2,160 steps from zero.
LUO_2025: Mapping[str, MultiPowerLaw] = {
    size: MultiPowerLaw.from_coefficients(dict(zip(_NAMES, values, strict=True)))
    for size, values in {
        "25M": (3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257),
        "100M": (2.6514477, 0.60115152, 0.45295811, 437.9464276, 2.13245612, 0.59785199, 0.65523644),
        "400M": (2.37474466, 0.65421216, 0.42878731, 523.42464371, 2.02462735, 0.59350493, 0.63472457),
    }.items()
}
