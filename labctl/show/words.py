"""Figures as people read them."""


def ce_text(ce: float, u_ce: float | None) -> str:
    """A Coulombic efficiency with its uncertainty (k = 2), in percent."""
    if u_ce is None:
        return f"{ce * 100:.3f} %"
    return f"{ce * 100:.3f} ± {u_ce * 100:.3f} %"


def duration_text(seconds: float) -> str:
    """A duration as people read it: 42 s, 7 min 5 s, 3 h 20 min, 4 d 2 h."""
    total = round(seconds)
    days, rest = divmod(total, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {left} s"
    return f"{left} s"


def clock_text(seconds: float) -> str:
    """Test time as h:mm:ss."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left:02d}"
