"""One root of a rising function, from a good guess."""

from collections.abc import Callable

MOST_TRIALS = 200


def rising_root(
    function: Callable[[float], float], start: float, tolerance: float, reach: float
) -> float:
    """Where the strictly increasing `function` is within `tolerance` of zero.

    Looks outward from `start` in strides that begin with `reach`, then closes in (Illinois rule).
    The function was evaluated last at the returned value. Raises ValueError when there is no root.
    """
    near, at_near = start, function(start)
    if abs(at_near) <= tolerance:
        return near
    stride = -reach if at_near > 0 else reach
    for _ in range(MOST_TRIALS):
        far = near + stride
        at_far = function(far)
        if abs(at_far) <= tolerance:
            return far
        if at_far * at_near < 0:
            return _between(function, (near, at_near), (far, at_far), tolerance)
        near, at_near = far, at_far
        stride *= 4.0
    raise ValueError(f"no root from {start} with strides from {reach}: the function must rise")


def _between(
    function: Callable[[float], float],
    old: tuple[float, float],
    new: tuple[float, float],
    tolerance: float,
) -> float:
    a, at_a = old
    b, at_b = new
    for _ in range(MOST_TRIALS):
        c = (a * at_b - b * at_a) / (at_b - at_a)
        if not min(a, b) < c < max(a, b):
            c = 0.5 * (a + b)
        at_c = function(c)
        if abs(at_c) <= tolerance or c in (a, b):
            return c
        if at_c * at_b < 0:
            a, at_a = b, at_b
        else:
            at_a *= 0.5
        b, at_b = c, at_c
    return b
