"""A metal electrode on a current collector: what its potential is, and where the charge goes.

Potentials are against the metal's own equilibrium, currents positive when they plate. The
electrode is either *covered* (metal on it: Butler–Volmer kinetics, algebraic) or *bare* (its
potential is that of a small double layer, and a current moves it). Both hand the potential to each
other without a jump, and within each the equations are solved exactly for a constant current, so a
step may be as long as the caller likes. Sources: science.md §6.
"""

from math import asinh, exp, expm1, inf, log
from typing import Self

from labctl_simulators.cells.electrode_make import ElectrodeMake

FARADAY_C_MOL = 96485.33212
GAS_J_MOL_K = 8.314462618
ROOM_K = 298.15
FILM_BELOW_V = 1.2
DEPLETION_mAh_cm2 = 1e-3
BARE_BELOW = 1e-3
REST_S = 600.0
NUCLEATION_RATED_mA_cm2 = 0.5
NUCLEATION_BEND_mA_cm2 = 0.05
NEW_PLATING_mAh_cm2 = 1e-3
HORIZON_V = 2.5e-4
SLOW_mA_cm2 = 0.1
RESTS_BELOW_mA_cm2 = 1e-6
RECOVERY_HORIZON_S = 60.0


class Electrode:
    """One electrode. Charges are counted in Ah since it was made.

    Always: plated − stripped − dead − interphase − corroded = metal now − metal at the start.
    """

    __slots__ = (
        "_bend_A",
        "_capacity_F",
        "_corrosion_A",
        "_decay_per_s",
        "_depletion_Ah",
        "_diffusion_ohm",
        "_exchange_A",
        "_film_F",
        "_fixed_loss_Ah",
        "_grown_Ah",
        "_kinetic_V",
        "_lag_A",
        "_lowest_V",
        "_make",
        "_nucleation_Ah",
        "_nucleation_V",
        "_platings",
        "_recovery_per_s",
        "_rest_V",
        "_stripped_since_Ah",
        "_surface_V",
        "_yield",
        "bare",
        "corroded_Ah",
        "dead_Ah",
        "interphase_Ah",
        "metal_Ah",
        "other_Ah",
        "plated_Ah",
        "stripped_Ah",
    )

    def __init__(self, make: ElectrodeMake) -> None:
        area = make.area_cm2
        self._make = make
        self.set_temperature(ROOM_K)
        self._bend_A = NUCLEATION_BEND_mA_cm2 * area * 1e-3
        rated = asinh(NUCLEATION_RATED_mA_cm2 / NUCLEATION_BEND_mA_cm2)
        self._nucleation_V = make.nucleation_V / rated
        self._nucleation_Ah = make.nucleation_mAh_cm2 * area * 1e-3
        self._depletion_Ah = DEPLETION_mAh_cm2 * area * 1e-3
        self._diffusion_ohm = make.diffusion_ohm_cm2 / area
        self._capacity_F = make.double_layer_uF_cm2 * area * 1e-6
        self._film_F = make.film_mAh_cm2 * area * 3.6 / FILM_BELOW_V
        self._fixed_loss_Ah = make.fixed_loss_mAh_cm2 * area * 1e-3
        self._corrosion_A = make.corrosion_first_mA_cm2 * area * 1e-3
        self._decay_per_s = make.self_discharge_per_h / 3600.0
        self._recovery_per_s = make.recovery_per_h / 3600.0
        self.metal_Ah = make.metal_Ah
        self.bare = make.metal_Ah <= BARE_BELOW * self._depletion_Ah
        self._surface_V = make.fresh_V if self.bare else 0.0
        self._rest_V = make.fresh_V - 0.05 if self.bare else make.stripped_rest_V
        self._lowest_V = FILM_BELOW_V if self.bare else 0.0
        self._grown_Ah = 0.0 if self.bare else inf
        self._lag_A = 0.0
        self._platings = 0
        self._stripped_since_Ah = inf
        self._yield = make.ce_first
        self.plated_Ah = self.stripped_Ah = self.other_Ah = 0.0
        self.dead_Ah = self.interphase_Ah = self.corroded_Ah = 0.0

    def __deepcopy__(self, memo: object) -> Self:
        new = object.__new__(type(self))
        for name in Electrode.__slots__:
            setattr(new, name, getattr(self, name))
        return new

    @property
    def lost_Ah(self) -> float:
        """Metal and film charge that did not come back: dead, interphase, corroded."""
        return self.dead_Ah + self.interphase_Ah + self.corroded_Ah

    @property
    def resting_V(self) -> float:
        """Potential that no current and no gradient would leave, V."""
        return self._surface_V if self.bare else 0.0

    @property
    def film_ohm(self) -> float:
        """Resistance of the interphase grown so far."""
        make = self._make
        grown_mAh_cm2 = self.interphase_Ah / make.area_cm2 * 1e3
        return make.growth_ohm_cm2_per_mAh * grown_mAh_cm2 / make.area_cm2

    def set_temperature(self, temperature_K: float) -> None:
        """Kinetics at this temperature: 2RT/zF and an Arrhenius exchange current."""
        make = self._make
        self._kinetic_V = 2.0 * GAS_J_MOL_K * temperature_K / (make.electrons * FARADAY_C_MOL)
        barrier_K = make.activation_kJ_mol * 1e3 / GAS_J_MOL_K
        warmer = exp(barrier_K * (1.0 / ROOM_K - 1.0 / temperature_K))
        self._exchange_A = make.exchange_mA_cm2 * make.area_cm2 * 1e-3 * warmer

    def hasten_self_discharge(self, per_h: float) -> None:
        """Self-discharge beside the electrode's own, from now on."""
        self._decay_per_s = (self._make.self_discharge_per_h + per_h) / 3600.0

    def potential(self, current_A: float) -> float:
        """Potential at this plating current, V; falls with it (a bare one only by its lag)."""
        lag_V = self._diffusion_ohm * self._lag_A
        if self.bare:
            return self._surface_V - lag_V
        return -self._overpotential(current_A) - lag_V

    def _overpotential(self, current_A: float) -> float:
        drive = 0.5 * current_A / self._exchange_A
        if current_A > 0.0:
            nucleation_V = 0.0
            if self._grown_Ah < 20.0 * self._nucleation_Ah:
                barrier_V = self._nucleation_V * exp(-self._grown_Ah / self._nucleation_Ah)
                nucleation_V = barrier_V * asinh(current_A / self._bend_A)
            return self._kinetic_V * asinh(drive) + nucleation_V
        metal_Ah = max(self.metal_Ah, BARE_BELOW * self._depletion_Ah)
        return self._kinetic_V * asinh(drive * (1.0 + self._depletion_Ah / metal_Ah))

    def step(self, dt_s: float, current_A: float, slope_S: float = 0.0) -> None:
        """Let a plating current flow for that long.

        `slope_S`: by how much that current rises with this electrode's potential (a short beside
        the cell), which matters while the electrode is bare and its potential runs away.
        """
        if self._recovery_per_s > 0.0:
            self._reconnect(dt_s, current_A)
        left_s = dt_s
        while left_s > 0.0:
            if self.bare:
                left_s -= self._move_bare(left_s, current_A, slope_S)
            else:
                left_s -= self._move_metal(left_s, current_A)
        self._lag_A = current_A + (self._lag_A - current_A) * exp(-dt_s / self._make.diffusion_s)

    def horizon_s(self, current_A: float) -> float:
        """For how long the potential will surely move by less than 1 mV at this current."""
        if self.bare:
            pull_A = abs(current_A - self._eaten_A(current_A) + self._leak_A())
            longest_s = HORIZON_V * self._capacity_F / (pull_A + 1e-18)
            return min(longest_s, RECOVERY_HORIZON_S) if self._recovery_per_s > 0.0 else longest_s
        longest_s = 600.0
        swing_V = abs(current_A - self._lag_A) * self._diffusion_ohm
        if swing_V > HORIZON_V:
            longest_s = self._make.diffusion_s * HORIZON_V / swing_V
        if current_A > 0.0:
            return min(longest_s, self._nucleation_horizon_s(current_A))
        drain_A = self._corrosion_A + self._decay_per_s * 3600.0 * self.metal_Ah - current_A
        if drain_A > 0.0:
            scarce = (self.metal_Ah + self._depletion_Ah) / self._depletion_Ah
            part = min(0.9, HORIZON_V / self._kinetic_V * scarce)
            longest_s = min(longest_s, 3600.0 * part * self.metal_Ah / drain_A)
        return longest_s

    def _nucleation_horizon_s(self, current_A: float) -> float:
        if self._grown_Ah >= 20.0 * self._nucleation_Ah:
            return inf
        barrier_V = self._nucleation_V * exp(-self._grown_Ah / self._nucleation_Ah)
        barrier_V *= asinh(current_A / self._bend_A)
        if barrier_V <= HORIZON_V:
            return inf
        return 3600.0 * self._nucleation_Ah / current_A * HORIZON_V / barrier_V

    def _leak_A(self) -> float:
        """What the bare surface itself draws on its way to its rest potential."""
        return self._capacity_F / REST_S * (self._surface_V - self._rest_V)

    def _gain_A(self, current_A: float) -> float:
        """Metal that a current leaves, before self-discharge."""
        kept_A = current_A * self._yield if current_A > 0.0 else current_A
        return kept_A - self._corrosion_A

    def _eaten_A(self, current_A: float) -> float:
        """What corrosion takes of a current that would plate on the bare collector."""
        if current_A <= 0.0 or self._corrosion_A <= 0.0:
            return 0.0
        if self._gain_A(current_A) <= 0.0:
            return current_A
        return self._corrosion_A / self._yield

    def _move_bare(self, left_s: float, current_A: float, slope_S: float) -> float:
        """As the surface moves; what corrosion eats plates and is gone, and does not move it."""
        eaten_A = self._eaten_A(current_A)
        used_s = self._move_surface(left_s, current_A - eaten_A, slope_S)
        eaten_Ah = eaten_A * used_s / 3600.0
        self.plated_Ah += eaten_Ah
        self.corroded_Ah += eaten_Ah
        return used_s

    def _move_surface(self, left_s: float, current_A: float, slope_S: float) -> float:
        """Charge or discharge the bare surface up to its next edge; gives the time used.

        C·dE/dt = −(i + slope·(E − E₀)) − C/τ·(E − E_rest), exactly.
        """
        before_V = self._surface_V
        floor_V = -self._overpotential_bare(current_A)
        if current_A > 0.0 and before_V <= floor_V:
            self._cover()
            return 0.0
        leak_S = self._capacity_F / REST_S
        pull_A = current_A + self._leak_A()
        edge_V, capacity_F = floor_V, self._capacity_F
        filming = self._film_F > 0.0 and self._lowest_V > 0.0 and pull_A > 0.0
        if filming and before_V > self._lowest_V:
            edge_V = max(floor_V, self._lowest_V)
        elif filming:
            edge_V, capacity_F = max(floor_V, 0.0), capacity_F + self._film_F
        rate_per_s = (leak_S + slope_S) / capacity_F
        reach_V = pull_A / (leak_S + slope_S)
        after_V = before_V + reach_V * expm1(-rate_per_s * left_s)
        used_s = left_s
        if pull_A > 0.0 and after_V < edge_V:
            part = (before_V - edge_V) / reach_V
            # a part of 1 is an edge just where the surface would settle: it is reached, but late
            used_s = min(left_s, -log(1.0 - part) / rate_per_s) if part < 1.0 else left_s
            after_V = edge_V
        self._book_surface(before_V, after_V, used_s, current_A, slope_S, capacity_F)
        return used_s

    def _book_surface(
        self,
        before_V: float,
        after_V: float,
        used_s: float,
        current_A: float,
        slope_S: float,
        capacity_F: float,
    ) -> None:
        passed_Ah = current_A * used_s / 3600.0
        if slope_S > 0.0:
            passed_Ah = capacity_F * (before_V - after_V) / 3600.0
        if capacity_F > self._capacity_F:
            film_Ah = self._film_F * (before_V - after_V) / 3600.0
            self.plated_Ah += film_Ah
            self.interphase_Ah += film_Ah
            passed_Ah -= film_Ah
            self._lowest_V = min(self._lowest_V, after_V)
        self.other_Ah += passed_Ah
        self._surface_V = min(after_V, self._make.collector_oxidises_V)

    def _overpotential_bare(self, current_A: float) -> float:
        """What plating on the bare collector needs at this current, V."""
        if current_A <= 0.0:
            return inf
        kinetic_V = self._kinetic_V * asinh(0.5 * current_A / self._exchange_A)
        return kinetic_V + self._nucleation_V * asinh(current_A / self._bend_A)

    def _reconnect(self, dt_s: float, current_A: float) -> None:
        """Dead metal comes back at rest and while stripping slowly; a bare collector needs a rest.

        Once enough of it touches a bare collector, that is covered, and needs no nuclei.
        """
        slowest_A = (RESTS_BELOW_mA_cm2 if self.bare else SLOW_mA_cm2) * self._make.area_cm2 * 1e-3
        if not -slowest_A <= current_A <= 0.0:
            return
        back_Ah = self.dead_Ah * -expm1(-self._recovery_per_s * dt_s)
        self.dead_Ah -= back_Ah
        self.metal_Ah += back_Ah
        if self.bare and self.metal_Ah > self._depletion_Ah:
            self._cover()
            self._grown_Ah = inf

    def _cover(self) -> None:
        self.bare = False
        self._grown_Ah = 0.0
        self._rest_V = self._make.stripped_rest_V
        self._lowest_V = 0.0

    def _uncover(self, current_A: float) -> None:
        self._surface_V = -self._overpotential(current_A)
        self.bare = True
        self._rest_V = self._make.stripped_rest_V
        if self._grown_Ah >= NEW_PLATING_mAh_cm2 * self._make.area_cm2 * 1e-3:
            # the next deposit is a new one, even where corrosion and no strip took this one
            self._stripped_since_Ah = inf

    def _move_metal(self, left_s: float, current_A: float) -> float:
        """Plate or strip; stops where the metal ends. Gives the time used.

        dm/dt = gain − corrosion − k·m, exactly.
        """
        if current_A > 0.0 and self._stripped_since_Ah > 0.0:
            self._begin_plating()
        before_Ah, least_Ah = self.metal_Ah, BARE_BELOW * self._depletion_Ah
        gain_A = self._gain_A(current_A)
        may_end = current_A <= 0.0 or gain_A < 0.0
        if may_end and before_Ah <= least_Ah:
            self._uncover(current_A)
            return 0.0
        used_s = left_s
        after_Ah = self._metal_after(used_s, gain_A)
        if may_end and after_Ah < least_Ah:
            used_s = min(left_s, self._time_to_metal(least_Ah, gain_A))
            after_Ah = least_Ah
        self._book_metal(before_Ah, after_Ah, current_A * used_s / 3600.0)
        if may_end and after_Ah <= least_Ah:
            self._uncover(current_A)
        return used_s

    def _metal_after(self, dt_s: float, gain_A: float) -> float:
        decay = self._decay_per_s
        if decay <= 0.0:
            return self.metal_Ah + gain_A * dt_s / 3600.0
        settled_Ah = gain_A / 3600.0 / decay
        return self.metal_Ah + (settled_Ah - self.metal_Ah) * -expm1(-decay * dt_s)

    def _time_to_metal(self, least_Ah: float, gain_A: float) -> float:
        """When the metal will have fallen to `least_Ah`, s."""
        decay = self._decay_per_s
        if decay <= 0.0:
            return (self.metal_Ah - least_Ah) * 3600.0 / -gain_A
        settled_Ah = gain_A / 3600.0 / decay
        return log((self.metal_Ah - settled_Ah) / (least_Ah - settled_Ah)) / decay

    def _book_metal(self, before_Ah: float, after_Ah: float, passed_Ah: float) -> None:
        if passed_Ah > 0.0:
            loss_Ah = (1.0 - self._yield) * passed_Ah
            dead_Ah = self._make.dead_fraction * loss_Ah
            film_Ah = self._fixed_loss(passed_Ah, after_Ah)
            self.plated_Ah += passed_Ah
            self.dead_Ah += dead_Ah
            self.interphase_Ah += loss_Ah - dead_Ah + film_Ah
            self.corroded_Ah += before_Ah + passed_Ah - loss_Ah - after_Ah
            self._grown_Ah += passed_Ah
            after_Ah -= film_Ah
        else:
            self.stripped_Ah -= passed_Ah
            self._stripped_since_Ah -= passed_Ah
            self.corroded_Ah += before_Ah + passed_Ah - after_Ah
        self.metal_Ah = after_Ah

    def _fixed_loss(self, passed_Ah: float, metal_Ah: float) -> float:
        """What a deposit loses to the bare collector beside its yield, Ah."""
        if self._fixed_loss_Ah <= 0.0 or self._grown_Ah > 40.0 * self._nucleation_Ah:
            return 0.0
        covered = exp(-self._grown_Ah / self._nucleation_Ah)
        loss_Ah = self._fixed_loss_Ah * covered * -expm1(-passed_Ah / self._nucleation_Ah)
        return min(loss_Ah, 0.5 * metal_Ah)

    def _begin_plating(self) -> None:
        """A plating after a strip is the next cycle; with it yield and corrosion settle."""
        make = self._make
        if self._stripped_since_Ah >= NEW_PLATING_mAh_cm2 * make.area_cm2 * 1e-3:
            self._platings += 1
            settled = self._platings - 1
            gap = make.ce - make.ce_first
            if make.ce_settles_cycles > 0.0:
                self._yield = make.ce - gap * exp(-settled / make.ce_settles_cycles)
            else:
                self._yield = make.ce if settled else make.ce_first
            fresh_mA_cm2 = make.corrosion_first_mA_cm2 - make.corrosion_mA_cm2
            fresh_mA_cm2 *= exp(-settled / make.corrosion_settles_cycles)
            self._corrosion_A = (make.corrosion_mA_cm2 + fresh_mA_cm2) * make.area_cm2 * 1e-3
            self._stripped_since_Ah = 0.0
