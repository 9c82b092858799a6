"""The rise below a threshold that the threshold links share: a Weibull curve in the loss gained."""

from __future__ import annotations

from typing import Any

from scaling._pytree import array_namespace


def weibull_rise(loss: Any, *, eta: Any, width: Any, power: Any) -> Any:
    r"""$1 - e^{-((\eta - L)_+ / w)^q}$: 0 above $\eta$, 1 far below it."""
    xp = array_namespace(loss, eta, width, power)
    gained = (eta - xp.asarray(loss)) / width
    below = gained > 0
    # Twice guarded: gained**q has an infinite slope at the threshold where q < 1.
    return xp.where(below, -xp.expm1(-(xp.where(below, gained, 1.0) ** power)), 0.0)


def loss_at_rise(share: Any, *, eta: Any, width: Any, power: Any) -> Any:
    r"""$L = \eta - w (-\ln(1 - s))^{1/q}$, the inverse of `weibull_rise`; `-inf` where the share is 1 or more."""
    xp = array_namespace(share, eta, width, power)
    reached = share < 1.0
    exponent = -xp.log1p(-xp.where(reached, share, 0.5))
    return xp.where(reached, eta - width * exponent ** (1.0 / power), -xp.inf)
