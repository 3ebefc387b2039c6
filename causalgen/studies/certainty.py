"""Sentences about how sure inference from images is."""

from ..scm import Posterior
from ..scm.completion import heat_of, informed_by_images
from ..scm.evidence import Evidence
from ..scm.tempering import divided, tempered_images

__all__ = ["certainty_notes"]

OVER_CERTAIN = (
    "The likelihood of {} treats pixels as independent, so that an image seems to say more about its attributes than it does: "
    "intervals of inferred values are too short, and shares of draws too high. A run with `training: {{evidence: tempered}}` "
    "corrects this on validation rows, as `causalgen.training.calibrate_evidence` does."
)
TEMPERED = (
    "The likelihood of {} treats pixels as independent, so that its evidence about missing attributes is tempered: {}, fitted "
    "on {:,} validation units and checked on {:,} others."
)
WORDS = {"continuous": "numbers", "discrete": "labels"}


def certainty_notes(posterior: Posterior, *, damaged: bool = False) -> tuple[str, ...]:
    """A sentence about values that were inferred from images without an exact density; none without such values.

    Args:
        posterior: The units.
        damaged: Whether images that the units lack were observed damaged.
    """
    scm = posterior.scm
    known = {} if posterior.completed is None else posterior.completed.known
    seen = frozenset(scm.graph.images if damaged else ())
    patterns = [missing - seen for _, missing in Evidence({}, known).patterns()] if known else []
    groups = [group for missing in patterns for group in informed_by_images(scm, missing)]
    if not groups:
        return ()
    images = {name for group in groups for name in group.witnesses}.intersection(tempered_images(scm))
    shown = " and ".join(name for name in scm.graph.images if name in images)
    if scm.tempering is None:
        return (OVER_CERTAIN.format(shown),)
    used: dict[str, set[float]] = {}
    for group in groups:
        for name in group.hidden:
            kind = "discrete" if scm.graph[name].is_discrete else "continuous"
            used.setdefault(kind, set()).add(getattr(heat_of(scm, group), kind))
    how = ", ".join(f"{divided(*used[kind])} for {word}" for kind, word in WORDS.items() if kind in used)
    return (TEMPERED.format(shown, how, scm.tempering.fitted_on, scm.tempering.checked_on),)
