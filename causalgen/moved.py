"""Old locations of public names: each keeps working for one release, with a warning that names the new location.

An import system hook finds modules that moved, and `keep_old_names` finds names that left a module. Neither costs an
import before an old name is used.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType
from typing import Any

from .errors import RenamedWarning, warn

__all__ = ["ADAPTERS", "MOVED_MODULES", "MOVED_NAMES", "OldPlaces", "keep_old_names", "with_old_options"]

MOVED_MODULES = {
    "causalgen.datasets.table.matching": "causalgen.datasets.table.column_match",
    "causalgen.effects.doubt.controls": "causalgen.effects.diagnostics.negative_controls",
    "causalgen.reports.forest": "causalgen.reports.forest_plot",
    "causalgen.audit.worlds": "causalgen.audit.responses",
    "causalgen.datasets.interventions": "causalgen.datasets.generator_values",
    "causalgen.effects.doubt": "causalgen.effects.diagnostics",
    "causalgen.grammar.interventions": "causalgen.grammar.assignments",
    "causalgen.mediation.scores": "causalgen.effects.estimators.nested_scores",
    "causalgen.predictors.classifier": "causalgen.predictors.predictor",
    "causalgen.scm.worlds": "causalgen.scm.results",
    "causalgen.studies.audit_page": "causalgen.audit.page",
    "causalgen.studies.audit_tables": "causalgen.audit.tables",
    "causalgen.studies.audit_words": "causalgen.audit.words",
    "causalgen.studies.benchmark": "causalgen.benchmark.run",
    "causalgen.studies.benchmark_cell": "causalgen.benchmark.cell",
    "causalgen.studies.benchmark_grids": "causalgen.benchmark.grids",
    "causalgen.studies.benchmark_page": "causalgen.benchmark.page",
    "causalgen.studies.benchmark_settings": "causalgen.benchmark.settings",
    "causalgen.studies.benchmark_shared": "causalgen.benchmark.shared",
    "causalgen.studies.benchmark_study": "causalgen.benchmark.study",
    "causalgen.studies.benchmark_table": "causalgen.benchmark.table",
    "causalgen.studies.machine": "causalgen.machine",
    "causalgen.studies.queries": "causalgen.studies.model_on_data",
    "causalgen.studies.worlds": "causalgen.studies.intervening",
    "causalgen.training.questions": "causalgen.training.targets",
}
"""Old module -> new module. All names of the new module, and those below, can be found in the old one; of a package, its
modules too."""

MOVED_NAMES = {
    "causalgen.audit.worlds.Question": "causalgen.audit.responses.Response",
    "causalgen.audit.worlds.World": "causalgen.audit.responses.Redrawn",
    "causalgen.audit.worlds.pose": "causalgen.audit.responses.respond",
    "causalgen.effects.CausationReport": "causalgen.mediation.NestedAnswer",
    "causalgen.effects.NestedReport": "causalgen.mediation.NestedAnswer",
    "causalgen.effects.bound_probabilities_of_causation": "causalgen.mediation.estimate_nested",
    "causalgen.effects.doubt.Doubt": "causalgen.effects.diagnostics.Diagnostics",
    "causalgen.effects.estimate_controlled_direct_effect": "causalgen.mediation.estimate_nested",
    "causalgen.effects.estimate_effect_on_treated": "causalgen.mediation.estimate_nested",
    "causalgen.effects.estimate_natural_effects": "causalgen.mediation.estimate_nested",
    "causalgen.effects.estimate_path_specific_effect": "causalgen.mediation.estimate_nested",
    "causalgen.graph.identify_controlled_direct_effect": "causalgen.graph.identify_nested",
    "causalgen.graph.identify_effect_on_treated": "causalgen.graph.identify_nested",
    "causalgen.graph.identify_natural_effects": "causalgen.graph.identify_nested",
    "causalgen.graph.identify_path_specific_effect": "causalgen.graph.identify_nested",
    "causalgen.graph.identify_probabilities_of_causation": "causalgen.graph.identify_nested",
    "causalgen.mechanisms.catalog.DEFAULTS": "causalgen.mechanisms.catalog.default_for",
    "causalgen.mechanisms.catalog.KINDS": "causalgen.mechanisms.Mechanism.kinds",
    "causalgen.predictors.Classifier": "causalgen.predictors.AttributePredictor",
    "causalgen.predictors.classifier.Classifier": "causalgen.predictors.AttributePredictor",
    "causalgen.predictors.enough_epochs": "causalgen.predictors.PredictorConfig.passes",
    "causalgen.predictors.fit_classifier": "causalgen.predictors.fit_predictor",
    "causalgen.predictors.fit_regressor": "causalgen.predictors.Regressor",
    "causalgen.predictors.load_predictor": "causalgen.predictors.load",
    "causalgen.predictors.save_predictor": "causalgen.predictors.save",
    "causalgen.scm.CausationProbability": "causalgen.mediation.NestedEffect",
    "causalgen.scm.NestedEffect": "causalgen.mediation.NestedEffect",
    "causalgen.scm.NestedEffects": "causalgen.mediation.NestedAnswer",
    "causalgen.scm.ProbabilitiesOfCausation": "causalgen.mediation.NestedAnswer",
    "causalgen.scm.controlled_direct_effect": "causalgen.mediation.simulate_nested",
    "causalgen.scm.effect_on_treated": "causalgen.mediation.simulate_nested",
    "causalgen.scm.natural_effects": "causalgen.mediation.simulate_nested",
    "causalgen.scm.path_specific_effect": "causalgen.mediation.simulate_nested",
    "causalgen.scm.probability_of_causation": "causalgen.mediation.simulate_nested",
    "causalgen.studies.benchmark_shared.TUTOR_SEED": "causalgen.predictors.attributes.TUTOR_SEED",
    "causalgen.studies.benchmark_shared.attribute_predictors": "causalgen.predictors.attributes.attribute_predictors",
    "causalgen.studies.benchmark_shared.latents": "causalgen.metrics.kept_latents",
    "causalgen.studies.benchmark_shared.told": "causalgen.predictors.attributes.further_inputs",
    "causalgen.studies.run_benchmark": "causalgen.benchmark.run_benchmark",
    "causalgen.studies.schema.CATALOG": "causalgen.studies.data_section.CATALOG",
    "causalgen.studies.schema.DataSource": "causalgen.studies.data_section.DataSource",
    "causalgen.studies.schema.Evaluation": "causalgen.studies.study_sections.EvaluationPlan",
    "causalgen.studies.schema.GROUP": "causalgen.studies.study_sections.GROUP",
    "causalgen.studies.schema.Gallery": "causalgen.studies.study_sections.GalleryPlan",
    "causalgen.studies.schema.OWN": "causalgen.studies.data_section.OWN",
    "causalgen.studies.schema.OwnVariable": "causalgen.studies.data_section.OwnVariable",
    "causalgen.studies.schema.TrainingStage": "causalgen.studies.study_sections.TrainingStage",
    "causalgen.studies.schema.TuningPlan": "causalgen.studies.study_sections.TuningPlan",
    "causalgen.studies.starting.Columns": "causalgen.studies.offered_columns.OfferedColumns",
    "causalgen.studies.starting.propose_edges": "causalgen.studies.offered_columns.propose_edges",
    "causalgen.studies.starting.table_columns": "causalgen.studies.offered_columns.table_columns",
    "causalgen.studies.worlds.Comparison": "causalgen.studies.intervening.WorldComparison",
    "causalgen.training.questions.Questions": "causalgen.training.targets.Targets",
    "causalgen.training.questions.ask_at_random": "causalgen.training.targets.random_targets",
}
"""Old name -> new name, of functions, classes and constants. Their old module calls `keep_old_names` if it still exists."""

ADAPTERS = {
    "causalgen.effects.bound_probabilities_of_causation": "causalgen.mediation.earlier.bound_probabilities_of_causation",
    "causalgen.effects.estimate_controlled_direct_effect": "causalgen.mediation.earlier.estimate_controlled_direct_effect",
    "causalgen.effects.estimate_effect_on_treated": "causalgen.mediation.earlier.estimate_effect_on_treated",
    "causalgen.effects.estimate_natural_effects": "causalgen.mediation.earlier.estimate_natural_effects",
    "causalgen.effects.estimate_path_specific_effect": "causalgen.mediation.earlier.estimate_path_specific_effect",
    "causalgen.graph.identify_controlled_direct_effect": "causalgen.mediation.earlier.identify_controlled_direct_effect",
    "causalgen.graph.identify_effect_on_treated": "causalgen.mediation.earlier.identify_effect_on_treated",
    "causalgen.graph.identify_natural_effects": "causalgen.mediation.earlier.identify_natural_effects",
    "causalgen.graph.identify_path_specific_effect": "causalgen.mediation.earlier.identify_path_specific_effect",
    "causalgen.graph.identify_probabilities_of_causation": "causalgen.mediation.earlier.identify_probabilities_of_causation",
    "causalgen.mechanisms.catalog.DEFAULTS": "causalgen.mechanisms.earlier.DEFAULTS",
    "causalgen.mechanisms.catalog.KINDS": "causalgen.mechanisms.earlier.KINDS",
    "causalgen.predictors.enough_epochs": "causalgen.predictors.earlier.enough_epochs",
    "causalgen.predictors.fit_classifier": "causalgen.predictors.earlier.fit_classifier",
    "causalgen.predictors.fit_regressor": "causalgen.predictors.earlier.fit_regressor",
    "causalgen.scm.controlled_direct_effect": "causalgen.mediation.earlier.controlled_direct_effect",
    "causalgen.scm.effect_on_treated": "causalgen.mediation.earlier.effect_on_treated",
    "causalgen.scm.natural_effects": "causalgen.mediation.earlier.natural_effects",
    "causalgen.scm.path_specific_effect": "causalgen.mediation.earlier.path_specific_effect",
    "causalgen.scm.probability_of_causation": "causalgen.mediation.earlier.probability_of_causation",
}
"""Old name -> replacement with the old behaviour, for names whose successor has another signature."""


def keep_old_names(module: str) -> None:
    """Let the module `module` find the names that left it; called once, at the end of its file."""
    namespace = vars(sys.modules[module])
    namespace["__getattr__"] = _finder_of_names(module, namespace.get("__getattr__"))


def _finder_of_names(module: str, otherwise: Callable[[str], Any] | None = None) -> Callable[[str], Any]:
    """Return a `__getattr__` for a module: first names that moved, then those that `otherwise` finds."""

    def find(name: str) -> Any:
        old = f"{module}.{name}"
        if old in MOVED_NAMES:
            home, _, current = ADAPTERS.get(old, MOVED_NAMES[old]).rpartition(".")
            _warn_of(old, MOVED_NAMES[old])
            return getattr(import_module(home), current)
        if otherwise is not None:
            return otherwise(name)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return find


class OldPlaces(MetaPathFinder, Loader):
    """Finds modules that moved. It comes last, so that Python consults it only for modules that do not exist."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module at an old location, if there was one."""
        return spec_from_loader(fullname, self, is_package=True) if _new_place(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module at the old place: it looks up every name in the new one."""
        old, new = module.__name__, _new_place(module.__name__)
        _warn_of(old, new)
        home = import_module(new)

        def current(name: str) -> Any:
            try:
                return getattr(home, name)
            except AttributeError:
                raise AttributeError(f"module {old!r} has no attribute {name!r}") from None

        vars(module).update(__doc__=home.__doc__, __getattr__=_finder_of_names(old, current))


def _new_place(old: str) -> str:
    """Return the new name of a module, by its own move or its package's; empty if neither moved."""
    if old in MOVED_MODULES:
        return MOVED_MODULES[old]
    package, _, name = old.rpartition(".")
    new = f"{_new_place(package)}.{name}" if package and _new_place(package) else ""
    return new if new and find_spec(new) else ""


def _warn_of(old: str, new: str) -> None:
    warn(f"{old} is now {new}. Use the new name: the old one will be removed in the next release.", RenamedWarning)


def with_old_options(function: str, given: Mapping[str, Any], **holders: Any) -> tuple[Any, ...]:
    """Return the option objects of a function, updated by options that are still passed one by one.

    Args:
        function: Name of the function, for messages.
        given: Options that the function itself does not have.
        holders: Option objects, by the name of the parameter that takes each.

    Raises:
        TypeError: An option that no object has.
    """
    for name, value in given.items():
        holder = next((key for key, held in holders.items() if name in {f.name for f in fields(held)}), None)
        if holder is None:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
        kind = type(holders[holder]).__name__
        _warn_of(f"{function}({name}=...)", f"{function}({holder}={kind}({name}=...))")
        holders[holder] = replace(holders[holder], **{name: value})
    return tuple(holders.values())
