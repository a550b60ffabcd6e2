"""Impedance spectra: the complex plane, and magnitude and phase over the frequency."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from labctl.report.colours import cycle_bar, cycle_colours, cycle_scale
from labctl.report.decimate import spread
from labctl.report.picture import Missing, Picture
from labctl.report.record import Floats, Record
from labctl.show.values import number

NAME, TITLE = "impedance", "Impedance"
MOST = 12


class Spectrum(NamedTuple):
    """One spectrum of a run, in the order in which it was measured."""

    step_count: int
    frequency_Hz: Floats
    real_ohm: Floats
    imaginary_ohm: Floats


def impedance(record: Record) -> Picture | Missing:
    """−Im Z over Re Z, |Z| and the phase over the frequency, of every `impedance` step."""
    spectra = spectra_of(record)
    if not spectra:
        return Missing(NAME, TITLE, "no impedance was measured")
    area_cm2 = record.area_cm2
    unit, factor = ("ohm cm²", area_cm2) if area_cm2 else ("ohm", 1.0)
    shown = spread(len(spectra), MOST)

    def draw(figure: Figure) -> None:
        axes = figure.subplot_mosaic([["plane"], ["plane"], ["magnitude"], ["phase"]])
        plane, magnitude, phase = axes["plane"], axes["magnitude"], axes["phase"]
        scale = cycle_scale([1, len(spectra)])
        for place in shown:
            each, colour = spectra[place], cycle_colours()(scale(place + 1))
            z = factor * (each.real_ohm + 1j * each.imaginary_ohm)
            plane.plot(z.real, -z.imag, ".-", color=colour, lw=0.9, ms=3)
            magnitude.loglog(each.frequency_Hz, np.abs(z), ".-", color=colour, lw=0.9, ms=3)
            degrees = np.degrees(np.angle(z))
            phase.semilogx(each.frequency_Hz, degrees, ".-", color=colour, lw=0.9, ms=3)
        plane.set_aspect("equal", adjustable="datalim")
        for axis in (magnitude.xaxis, magnitude.yaxis, phase.xaxis):
            # powers of ten need mathematical text, which labels of users must never become;
            # written out, seven decades of them run into each other
            axis.set_major_formatter(EngFormatter(sep=""))
            axis.set_minor_formatter(NullFormatter())
        plane.set_xlabel(f"Re Z ({unit})")
        plane.set_ylabel(f"−Im Z ({unit})")
        magnitude.set_ylabel(f"|Z| ({unit})")
        magnitude.tick_params(labelbottom=False)
        phase.set_ylabel("Phase (°)")
        phase.set_xlabel("Frequency (Hz)")
        if len(spectra) > 1:
            cycle_bar(figure, list(axes.values()), range(1, len(spectra) + 1), "Spectrum")

    many = f"{len(shown)} of {len(spectra)} spectra" if len(spectra) > 1 else "One spectrum"
    caption = f"{many}, as measured about the voltage at rest."
    return Picture(NAME, TITLE, caption, draw, height_cm=14.0)


def spectra_of(record: Record) -> list[Spectrum]:
    """The spectra of a run in order."""
    points: dict[int, list[tuple[float, float, float]]] = {}
    for event in record.events:
        if event.kind != "impedance":
            continue
        values = [number(event.data, key) for key in ("frequency_Hz", "real_ohm", "imaginary_ohm")]
        frequency, real, imaginary = (0.0 if value is None else value for value in values)
        step = int(number(event.data, "step_count") or 0)
        points.setdefault(step, []).append((frequency, real, imaginary))
    return [
        Spectrum(step, *(np.array(column) for column in zip(*found, strict=True)))
        for step, found in points.items()
    ]
