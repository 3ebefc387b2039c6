"""A flexible design matrix: smooth in every continuous column, with all pairwise products."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler

__all__ = ["ROWS_PER_FEATURE", "FlexibleBasis"]

Array = NDArray[np.float64]

KNOTS = 4
DEGREE = 2
MOST_KNOTS = 16
GROWTH = 0.3
"""The knots of a treatment grow by this power of the units: faster than the least squared error asks for (1 / 9), so that
what the curve misses stays small against the standard error."""
CUBIC = 3
EDGE = 0.05
"""Quantile of the second knot of a treatment, and share beyond the last but one: a long outer span would bend the curve."""
MOST_UNCERTAINTY = 2.0
"""Maximum factor by which products with a treatment's curve may widen an effect's interval."""
SMALL = 1e-8
ROWS_PER_FEATURE = 20
MOST_CELLS = 1.2e8
ROWS_SEEN = 50_000


class FlexibleBasis:
    r"""Map columns :math:`x` to features :math:`\varphi(x)`, standardised on the columns seen first.

    Features are the columns, a quadratic spline of each continuous column (knots at quantiles, linear beyond the
    outer ones) and all pairwise products of columns. If that would leave too few rows per feature, or fill
    more than 1 GB (120 million numbers), the products are left out first, then the splines. Knots, means and spreads come
    from at most 50,000 rows. The basis does not use the outcome, so it may be built once for all folds.

    If the first column is a continuous treatment, the effect is computed from its curve. As far as the rows allow, its
    spline is then cubic with up to 16 knots, and the features include products of a coarse curve of it with the other
    columns, unless some kind of rows lacks the treatment's middle values, to which that kind's curve would be
    extrapolated.

    Args:
        columns: Numeric columns, shape `(rows, columns)`; without columns there is one feature that is always 0.
        units: Number of independent units if rows come in clusters; it replaces the number of rows.
        rows_per_feature: Least number of rows (units) per feature.
        treated: Whether the first column is a continuous treatment.

    >>> columns = np.random.default_rng(0).normal(size=(500, 2))
    >>> FlexibleBasis(columns)(columns).shape
    (500, 11)
    """

    def __init__(
        self,
        columns: Array,
        *,
        units: int | None = None,
        rows_per_feature: int = ROWS_PER_FEATURE,
        treated: bool = False,
    ) -> None:
        rows, width = columns.shape
        self.width = width
        units = rows if units is None else units
        most = min(units / rows_per_feature, MOST_CELLS / max(rows, 1))
        self._scale = StandardScaler()
        self._products: PolynomialFeatures | None = None
        self._splines: dict[int, SplineTransformer] = {}
        self._bent: SplineTransformer | None = None
        self._kept = np.zeros(0, dtype=int)
        if not width:
            return
        if rows > ROWS_SEEN:
            columns = columns[np.linspace(0, rows - 1, ROWS_SEEN).astype(int)]
        standard = self._scale.fit_transform(columns)
        smooth = [j for j in range(width) if _has_distinct_knots(columns[:, j])]
        splines, products = len(smooth) * (KNOTS + DEGREE - 2), width * (width - 1) // 2
        if width + splines + products <= most:
            self._products = PolynomialFeatures(2, interaction_only=True, include_bias=False).fit(standard)
        if width + splines <= most:
            self._splines = {j: _spline().fit(standard[:, [j]]) for j in smooth}
        if treated and 0 in self._splines:
            self._follow(standard, units, int(most) - width - splines - products * self.interacts)
            self._bent = self._supported(columns)
        raw = self._raw(columns)
        self._kept = np.flatnonzero(raw.std(axis=0) > 1e-8)
        self._centre, self._spread = raw[:, self._kept].mean(axis=0), raw[:, self._kept].std(axis=0)

    def _follow(self, standard: Array, units: int, room: int) -> None:
        """Give the treatment, the first column, the best curve that the room for further features allows."""
        knots = _knots_of_treatment(standard[:, 0], min(MOST_KNOTS, round(units**GROWTH), room + KNOTS - 1))
        if knots is None:
            return
        self._splines[0] = _spline(knots[:, None], CUBIC).fit(standard[:, [0]])
        if len(knots) - KNOTS + 1 + (self.width - 1) * (KNOTS + CUBIC - 2) <= room:
            self._bent = _spline(degree=CUBIC).fit(standard[:, [0]])

    def _supported(self, columns: Array) -> SplineTransformer | None:
        """The coarse curve whose products with the other columns are features; None if it inflates the uncertainty."""
        bent, self._bent = self._bent, None
        if bent is None:
            return None
        without = self._uncertainty(columns)
        self._bent = bent
        return bent if self._uncertainty(columns) < MOST_UNCERTAINTY**2 * without else None

    def _uncertainty(self, columns: Array) -> float:
        """Variance of the effect of a treatment at its upper instead of its lower quartile, up to a factor."""
        raw = self._raw(columns)
        raw -= raw.mean(axis=0)
        shift = np.zeros(raw.shape[1])
        for quantile, sign in ((0.25, -1), (0.75, 1)):
            held = columns.copy()
            held[:, 0] = np.quantile(columns[:, 0], quantile)
            shift += sign * self._raw(held).mean(axis=0)
        moments = raw.T @ raw / len(raw)
        moments[np.diag_indices_from(moments)] += SMALL * np.trace(moments) / len(moments)
        return float(shift @ np.linalg.solve(moments, shift))

    @property
    def curved(self) -> frozenset[int]:
        """Positions of the columns that have a spline; the others enter as straight lines."""
        return frozenset(self._splines)

    @property
    def interacts(self) -> bool:
        """Whether the features include products of columns."""
        return self._products is not None

    def __call__(self, columns: Array) -> Array:
        """Features of `columns`, shape `(rows, features)`."""
        if not len(self._kept):
            return np.zeros((len(columns), 1))
        features = np.empty((len(columns), len(self._kept)))
        for start in range(0, len(columns), ROWS_SEEN):
            rows = slice(start, start + ROWS_SEEN)
            np.subtract(self._raw(columns[rows])[:, self._kept], self._centre, out=features[rows])
            features[rows] /= self._spread
        return features

    def _raw(self, columns: Array) -> Array:
        standard = self._scale.transform(columns)
        linear = standard if self._products is None else self._products.transform(standard)
        parts = [linear, *(spline.transform(standard[:, [j]]) for j, spline in self._splines.items())]
        if self._bent is not None:
            curve = self._bent.transform(standard[:, [0]])
            parts += [curve * standard[:, [j]] for j in range(1, self.width)]
        return np.hstack(parts)


def _spline(knots: Array | Literal["quantile"] = "quantile", degree: int = DEGREE) -> SplineTransformer:
    return SplineTransformer(KNOTS, degree=degree, knots=knots, extrapolation="linear", include_bias=False)


def _knots_of_treatment(column: Array, most: int) -> Array | None:
    """The largest possible number of distinct quantile knots; None if it does not exceed the default."""
    for count in range(most, KNOTS, -1):
        knots = np.quantile(column, [0, *np.linspace(EDGE, 1 - EDGE, count - 2), 1])
        if _are_distinct(knots):
            return knots
    return None


def _has_distinct_knots(column: Array) -> bool:
    return _are_distinct(np.quantile(column, np.linspace(0, 1, KNOTS)))


def _are_distinct(knots: Array) -> bool:
    return bool(np.diff(knots).min() > 1e-6 * (knots[-1] - knots[0]))
