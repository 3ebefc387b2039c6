"""`causalgen fit`: the first half of a run, up to the fitted model."""

from .options import TrustCode
from .run import Device, Fresh, Out, Seed, Smoke, StudyArgument, Where, execute
from .threads import Threads

__all__ = ["fit"]


def fit(
    study: StudyArgument,
    out: Out = None,
    smoke: Smoke = False,
    device: Where = Device.auto,
    seed: Seed = None,
    fresh: Fresh = False,
    trust_code: TrustCode = False,
    threads: Threads = None,
) -> None:
    """Fit the model of a study and save it, for sample, intervene and counterfactual.

    `causalgen run` with the same study and options continues from there: evaluation, effects, report.
    """
    execute(study, out, smoke=smoke, device=device, seed=seed, fresh=fresh, trust_code=trust_code, only_fit=True)
