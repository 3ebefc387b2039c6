"""Faults to plant in core modules, one at a time; the tests of each room must find them.

None of them makes the code fail outright: each gives a plausible wrong answer.
"""

from typing import NamedTuple

__all__ = ["FAULTS", "Fault"]


class Fault(NamedTuple):
    """One wrong line.

    Attributes:
        path: Module, relative to the package.
        right: Text of the module, which occurs once.
        wrong: What replaces it.
        tests: Tests of the module's room, relative to `tests/`.
    """

    path: str
    right: str
    wrong: str
    tests: str


FAULTS = (
    # A descendant of a collider no longer opens it.
    Fault("graph/separation.py", "= ancestral_closure(dag, given)\n", "= set(given)\n", "graph/test_separation.py"),
    # Descendants of a mediator may be adjusted for.
    Fault(
        "graph/adjustment.py",
        "*causal, *(late for node in causal for late in graph.descendants(node))}",
        "*causal}",
        "graph/test_instruments.py",
    ),
    # The district of a variable is taken in the whole graph, not in the set around it.
    Fault(
        "graph/general.py", "if a in within and b in within)", "if a in within or b in within)", "graph/test_general.py"
    ),
    # A variable that is not associated with the treatment passes as an instrument.
    Fault(
        "graph/instruments.py",
        "if not problems and nx.is_d_separator(",
        "if problems and nx.is_d_separator(",
        "graph/test_instruments.py",
    ),
    # Every node is computed again, also those that the intervention does not reach.
    Fault(
        "scm/posterior.py",
        "changed = set(do).union(*(nx.descendants(world, name) for name in do))",
        "changed = set(world)",
        "scm/test_laws.py",
    ),
    # Only the last node decides whether a unit is supported.
    Fault("scm/posterior.py", "inside &= known", "inside = known", "scm/test_support.py scm/test_laws.py"),
    # The support reaches twice as far.
    Fault("scm/support.py", "distance <= reach[nearest]", "distance <= 2 * reach[nearest]", "scm/test_support.py"),
    # The middle of the interval instead of a draw from the posterior.
    Fault(
        "mechanisms/ordinal.py",
        "mass_low + fresh * (mass_high - mass_low)",
        "(mass_low + mass_high) / 2",
        "mechanisms",
    ),
    # The losing labels are truncated without their logits.
    Fault("mechanisms/categorical.py", "-(logits + fresh))", "-fresh)", "mechanisms"),
    # Quantiles are shifted by half a step where values are tied.
    Fault("mechanisms/empirical.py", "middle = cumulative - counts / 2", "middle = cumulative.double()", "mechanisms"),
    # The divergence is weighted twice.
    Fault("mechanisms/image_vae.py", "weight = self.beta * (", "weight = 2 * self.beta * (", "mechanisms"),
    # The last weights are kept, not the best averaged ones.
    Fault(
        "training/stage.py",
        "self.mechanism.load_state_dict(self.best_state)\n        self.mechanism.declare_fitted()",
        "self.mechanism.declare_fitted()",
        "training/test_fit.py",
    ),
    # A resumed fit draws other random numbers than the fit that was never interrupted.
    Fault(
        "training/checkpoint.py",
        'torch.set_rng_state(state["cpu"])',
        "torch.get_rng_state()",
        "training/test_fit.py",
    ),
    # Units are resampled as if their groups did not matter.
    Fault(
        "metrics/bootstrap.py",
        "np.unique(np.asarray(groups), return_inverse=True)",
        "np.unique(np.arange(len(top)), return_inverse=True)",
        "metrics",
    ),
    # An image that cannot be measured counts as right.
    Fault(
        "metrics/effectiveness.py",
        "np.where(np.isfinite(measured), np.abs(measured - wanted), worst)",
        "np.where(np.isfinite(measured), np.abs(measured - wanted), 0.0)",
        "metrics/test_evaluate.py",
    ),
    # The outcome model of one arm sees the rows of both.
    Fault(
        "effects/estimators/doubly_robust.py",
        "rows = fit[arrays.treatment[fit] == value]",
        "rows = fit[np.isin(arrays.treatment[fit], values)]",
        "effects/test_estimators.py effects/test_populations.py",
    ),
    # The weights of the treated and of the controls change places.
    Fault(
        "effects/estimators/weighting.py",
        '"treated": ((-1, 1), (0, 0)),',
        '"treated": ((0, 0), (1, -1)),',
        "effects/test_estimators.py effects/test_populations.py",
    ),
    # A model scores rows of clusters that it was fitted on.
    Fault(
        "effects/estimators/folds.py",
        "score = np.isin(clusters, scored)",
        "score = np.isin(np.arange(len(clusters)) % members, scored)",
        "effects/test_estimators.py effects/test_clusters.py",
    ),
    # Rows of one group land in several splits.
    Fault(
        "datasets/table/chosen.py",
        "return split_groups(groups, choice.split, choice.seed, what)",
        "return split_groups(np.arange(len(groups)), choice.split, choice.seed, what)",
        "datasets/test_table.py",
    ),
    # Strokes are measured as half a pixel thicker.
    Fault(
        "morphology/measure.py",
        "return 2.0 * float(radii.mean()) / SCALE",
        "return 2.0 * float(radii.mean()) / SCALE + 0.5",
        "morphology",
    ),
)
