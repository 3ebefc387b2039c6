"""The result of `Posterior.ambiguity`: bands of claims over couplings, and the coupling at which each claim fails."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, UnknownNameError, nearest
from .claims import Numbers, ReadClaim
from .couplings import Turn, rho_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FEWEST_UNITS", "Ambiguity", "ClaimDraws", "describe_tipping", "rho_text"]

COVERED = 0.95
"""Share of the units whose value in another world lies in their band."""
FEWEST_UNITS = 20
"""Fewer units do not support a claim about their average."""
NORMAL = 1.96
CLOSE = 0.995
"""A greater rho is written with one more digit, so that it is not rounded to 1."""


@dataclass(frozen=True, eq=False)
class ClaimDraws:
    """The quantity of one claim in every world.

    Args:
        claim: The claim.
        factual: The quantity of the factual values, `(k, B)` or `(1, B)`; of images without limits, of the redrawn ones.
        worlds: For each coupling, the quantity in every draw and particle, `(draws * k, B)`; the model's comes first, `(k, B)`.
        bounds: Of a label, its least and greatest probability over all couplings, `(k, B)` each.
    """

    claim: ReadClaim
    factual: Numbers
    worlds: tuple[Numbers, ...]
    bounds: tuple[Numbers, Numbers] | None = None

    @property
    def value(self) -> Numbers:
        """The model's answer for each unit, `(B,)`: the mean over particles."""
        return self.worlds[0].mean(0)

    def holds(self) -> list[Numbers]:
        """For each coupling whether the claim holds in every draw, `(draws * k, B)`; NaN where the model does not make it."""
        answer = self.worlds[0]
        first = self.claim.slack(answer, answer, self.factual)
        held = []
        for world in self.worlds:
            repeat = (len(world) // len(answer), 1)
            factual = np.tile(np.broadcast_to(self.factual, answer.shape), repeat)
            slack = self.claim.slack(world, np.tile(answer, repeat), factual)
            # What cannot be measured does not show what is claimed.
            held.append(np.where(np.tile(first, repeat) > 0, np.nan_to_num(slack, nan=-1.0) > 0, np.nan))
        return held

    def unit_bands(self) -> list[tuple[Numbers, Numbers]]:
        """For each coupling the band of each unit over it and all tighter ones, `(B,)` each."""
        bands: list[tuple[Numbers, Numbers]] = []
        for low, high in map(_calibrated, self.worlds):
            tighter = bands[-1] if bands else (low, high)
            bands.append((np.fmin(tighter[0], low), np.fmax(tighter[1], high)))
        return bands

    def averages(self) -> Numbers:
        """Mean over units for each coupling, with its standard error, `(couplings, 2)`."""
        per_unit = [_nanmean(world) for world in self.worlds]
        counts = [max(int(np.isfinite(means).sum()), 1) for means in per_unit]
        return np.array([(_nanmean(m), np.nanstd(m) / np.sqrt(n)) for m, n in zip(per_unit, counts, strict=True)])

    def average_slack(self) -> Numbers | None:
        """Slack of the claim about the mean over units, for each coupling; None for claims without an average."""
        if self.claim.is_label or self.claim.is_distance:
            return None
        means, factual = self.averages()[:, 0], float(_nanmean(self.factual.mean(0)))
        low, high = (side if side is None else np.asarray(side.mean()) for side in (self.claim.low, self.claim.high))
        claim = replace(self.claim, low=low, high=high)
        return claim.slack(means, np.full_like(means, means[0]), np.full_like(means, factual))


@dataclass(frozen=True, eq=False, repr=False)
class Ambiguity:
    """How much of a counterfactual survives other couplings of the noises of both worlds.

    Args:
        title: The intervention as text.
        couplings: From the model's own, 1, to the loosest.
        claims: The quantities of each claim, by its name.
        level: Share of the units for which a claim has to hold.
        labels: Row label of each unit, `(B,)`, where there are some.
        redrawn: Whether "no change" of an image means the factual image as the model redraws it.
    """

    title: str
    couplings: tuple[float | Turn, ...]
    claims: Mapping[str, ClaimDraws]
    level: float
    labels: pd.Index | None = None
    redrawn: bool = False

    def __getitem__(self, claim: str) -> ClaimDraws:
        if claim not in self.claims:
            known = list(self.claims)
            raise UnknownNameError(f"Expected a claim among {', '.join(known)}; got '{claim}'." + nearest(claim, known))
        return self.claims[claim]

    def units(self, claim: str) -> pd.DataFrame:
        """One row per unit: value (the model's), low and high (its band over all couplings), holds_down_to.

        The last is the smallest of the given rho down to which the claim holds in a share `level` of the draws at every
        coupling; NaN where the model does not make the claim. A label also has least and greatest, its probability over all
        couplings.
        """
        draws = self[claim]
        low, high = draws.unit_bands()[-1]
        table = {"value": draws.value, "low": low, "high": high, "holds_down_to": self._unit_tipping(draws)}
        if draws.bounds is not None:
            table |= {"least": draws.bounds[0].mean(0), "greatest": draws.bounds[1].mean(0)}
        return pd.DataFrame(table, index=self.labels)

    def tipping_rho(self, claim: str, *, average: bool = False) -> float:
        """The correlation of the noises at which a claim fails; 0 if it holds for every coupling, NaN if not even for 1.

        Args:
            claim: Its name.
            average: Whether the claim is about the mean over units; else it has to hold for a share `level` of those units of
                which the model makes it. Between couplings the share, or the mean, is interpolated.

        Raises:
            DataError: There are too few units for a claim about their mean, or a label or a whole image, which has none.
        """
        draws = self[claim]
        if not average:
            shares = np.array([_nanmean(held.ravel()) for held in draws.holds()])
            return self._crossing(shares - self.level)
        if len(draws.value) < FEWEST_UNITS:
            raise DataError(
                f"Expected at least {FEWEST_UNITS} units for a claim about their mean; got {len(draws.value)}. Abduct more "
                "units, or read the claim about each unit."
            )
        slack = draws.average_slack()
        if slack is None:
            raise DataError(
                f"Expected a claim about numbers, to average it; '{claim}' is about labels or whole images. Read the claim "
                "about each unit, or give a function of the node."
            )
        return self._crossing(slack)

    def shift(self, claim: str) -> tuple[float, float]:
        """How far the mean moves from the tightest coupling to the loosest, with its standard error.

        The mean of a quantity of one world is the same for every coupling if the abducted noise does not depend on the parents.
        A shift shows that it does, or that its distribution differs from the noise of new units.
        """
        first, last = (_nanmean(world) for world in (self[claim].worlds[0], self[claim].worlds[-1]))
        moved = (last - first)[np.isfinite(last - first)]
        return (float(moved.mean()), float(moved.std() / np.sqrt(len(moved)))) if len(moved) else (np.nan, np.nan)

    def to_frame(self) -> pd.DataFrame:
        """One row for each claim and coupling.

        Columns: claim, coupling, rho; mean over units with its 95 % interval (average_low, average_high); width (mean width of
        the units' bands over this coupling and all tighter ones); holds (share of the units and draws). The row "any" of a
        label has the exact bounds of that share over all couplings, given its parents.
        """
        rows = []
        for name, draws in self.claims.items():
            table = zip(self.couplings, draws.averages(), draws.unit_bands(), draws.holds(), strict=True)
            for coupling, (mean, error), (low, high), held in table:
                ends = {"average_low": mean - NORMAL * error, "average_high": mean + NORMAL * error}
                row = {"claim": name, "coupling": _label(coupling), "rho": rho_of(coupling), "mean": mean, **ends}
                rows.append(row | {"width": float(_nanmean(high - low)), "holds": float(_nanmean(held.ravel()))})
            if draws.bounds is not None:
                least, greatest = (float(end.mean()) for end in draws.bounds)
                rows.append({"claim": name, "coupling": "any", "average_low": least, "average_high": greatest})
        return pd.DataFrame(rows)

    def summary(self) -> pd.DataFrame:
        """One row per claim, by name.

        Columns: statement; value (mean of the model's answers); low, high (the mean over all couplings); width (of the units'
        bands, on average); claimed (share of the units of which the model makes the claim); holds_down_to (of those units);
        holds_down_to_average (of their mean; NaN for labels, whole images and too few units).
        """
        rows = []
        for name, draws in self.claims.items():
            means, (low, high) = draws.averages()[:, 0], draws.unit_bands()[-1]
            averaged = len(draws.value) >= FEWEST_UNITS and draws.average_slack() is not None
            rows.append(
                {
                    "claim": name,
                    "statement": draws.claim.words(),
                    "value": means[0],
                    "low": means.min(),
                    "high": means.max(),
                    "width": float(_nanmean(high - low)),
                    "claimed": float(np.isfinite(draws.holds()[0]).mean()),
                    "holds_down_to": self.tipping_rho(name),
                    "holds_down_to_average": self.tipping_rho(name, average=True) if averaged else np.nan,
                }
            )
        return pd.DataFrame(rows).set_index("claim")

    def sentences(self) -> tuple[str, ...]:
        """What survives, one sentence per claim."""
        return tuple(self._sentence(name, row) for name, row in self.summary().iterrows())

    def plot(self) -> "Figure":
        """The mean and the units' bands of every claim over the couplings; see `causalgen.reports.plot_ambiguity`."""
        from ..reports import plot_ambiguity

        return plot_ambiguity(self)

    def _sentence(self, name: object, row: pd.Series) -> str:
        draws = self[str(name)]
        share = f"for {self.level:.0%} of the units" if len(draws.value) > 1 else "for this unit"
        text = f"“{name} {row.statement}” holds {share} {describe_tipping(row.holds_down_to, self.least_rho)}"
        if draws.bounds is not None:
            least, greatest = (float(end.mean()) for end in draws.bounds)
            return text + f"; over all couplings its probability lies between {least:.2f} and {greatest:.2f}."
        if np.isnan(row.holds_down_to_average):
            return text + "."
        return text + f"; for the mean, {describe_tipping(row.holds_down_to_average, self.least_rho)}."

    @property
    def least_rho(self) -> float:
        """The lowest correlation that was tried."""
        return min(map(rho_of, self.couplings))

    def _crossing(self, slack: Numbers) -> float:
        """Where the slack, one number per coupling, first reaches 0; `least_rho` if it never does.

        The slack is interpolated in the angle arccos(rho).
        """
        if not slack[0] >= 0:
            return float("nan")
        angles = np.arccos([rho_of(coupling) for coupling in self.couplings])
        for place in range(1, len(slack)):
            if not slack[place] >= 0:
                before, after = slack[place - 1], slack[place]
                part = before / (before - after) if np.isfinite(after) else 0.0
                return float(np.cos(angles[place - 1] + part * (angles[place] - angles[place - 1])))
        return self.least_rho

    def _unit_tipping(self, draws: ClaimDraws) -> NDArray[np.float64]:
        held = draws.holds()
        claimed = np.isfinite(held[0]).any(0)
        tipping, alive = np.where(claimed, 1.0, np.nan), claimed.copy()
        for coupling, each in zip(self.couplings, held, strict=True):
            alive &= _nanmean(each) >= self.level
            tipping = np.where(alive, rho_of(coupling), tipping)
        return tipping

    def __repr__(self) -> str:
        units = len(next(iter(self.claims.values())).value)
        return "\n".join([f"Ambiguity({self.title}, {units} units, couplings {', '.join(map(_label, self.couplings))})"]
                         + [f"  {sentence}" for sentence in self.sentences()])  # fmt: skip

    def _repr_html_(self) -> str:
        return self.summary().to_html(border=0)


def describe_tipping(rho: float, least: float) -> str:
    """A tipping point as words.

    >>> describe_tipping(0.62, 0.0), describe_tipping(0.0, 0.0), describe_tipping(0.5, 0.5)
    ('down to rho 0.62', 'for every coupling', 'down to rho 0.50, the loosest that was tried')
    """
    if np.isnan(rho):
        return "not even for the model's own coupling"
    if rho <= least == 0:
        return "for every coupling"
    shown = f"down to rho {rho_text(rho)}"
    return shown if rho > least else f"{shown}, the loosest that was tried"


def rho_text(rho: float) -> str:
    """A correlation with two decimals, or near 1 with three.

    >>> rho_text(0.62), rho_text(0.998)
    ('0.62', '0.998')
    """
    return f"{rho:.{2 if rho < CLOSE else 3}f}"


def _label(coupling: float | Turn) -> str:
    return str(coupling) if isinstance(coupling, Turn) else f"{coupling:g}"


def _nanmean(numbers: Numbers) -> Numbers:
    """Mean over the first dimension without NaN; NaN where nothing is left."""
    known = np.isfinite(numbers)
    total, count = np.where(known, numbers, 0.0).sum(0), known.sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _calibrated(world: Numbers) -> tuple[Numbers, Numbers]:
    """Band of each unit `(B,)` that contains a further draw of the same coupling for a share `COVERED` of the units.

    The minimum and maximum of a few draws are too narrow: both ends are moved outwards by the distance that covers this
    share of the draws when each is left out in turn, but not beyond what any unit reached.
    """
    count = len(world)
    known = world[:, np.isfinite(world).all(0)]
    least, greatest = np.fmin.reduce(world, 0), np.fmax.reduce(world, 0)
    if count < 2 or not known.size:
        return least, greatest
    ordered = np.sort(known, 0)
    others_least = np.where(known == ordered[0], ordered[1], ordered[0])
    others_greatest = np.where(known == ordered[-1], ordered[-2], ordered[-1])
    outside = np.maximum(np.maximum(others_least - known, known - others_greatest), 0.0)
    reach = float(np.quantile(outside, COVERED))
    return np.maximum(least - reach, known.min()), np.minimum(greatest + reach, known.max())
