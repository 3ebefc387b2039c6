"""Evaluate the model of a finished run by a protocol, with separately trained attribute predictors."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from ..errors import RunFolderError
from ..metrics import Memorisation, MetricTable, Readers, evaluate, protocol_named
from ..metrics.spaces import kept_latents
from ..predictors import PUBLISHED, attribute_predictors
from ..spreadsheets import write_csv
from ..training import bars
from ..training.threads import limited, threads_after
from .asking import fitted_data, fitted_model
from .cards import memorisation_entry
from .evaluation import CYCLE_ROWS, memorised
from .lock import FolderLock
from .measurements import find_measurements
from .model_on_data import ModelOnData
from .runfolder import RunFolder

__all__ = ["RunEvaluation", "evaluate_run"]

PARTICLES = 20
LATENT_EPOCHS = 5


@dataclass(frozen=True)
class RunEvaluation:
    """Metrics of a run and their file.

    Args:
        table: All results.
        csv: The table as CSV.
        memorisation: Whether the model reveals training units; None if the study turns the test off.
    """

    table: MetricTable
    csv: Path
    memorisation: Memorisation | None = None


def evaluate_run(
    run: RunFolder, *, protocol: str = "causalgen", rows: int | None = None, console: Console | None = None
) -> RunEvaluation:
    """Evaluate a finished run; each parent of the image is intervened on separately.

    Attribute predictors and the latent of minimality are trained on the run's training split, once, and kept in the run
    folder.

    Args:
        run: The run.
        protocol: A key of `causalgen.metrics.PROTOCOLS`.
        rows: Test units of the metrics; None for the study's number, which the tests of memorisation always take.
        console: Console for progress; None for standard error.

    Raises:
        UnknownNameError: No protocol of that name.
        RunFolderError: The run is not finished, or has no image.
        CheckpointError: The model is damaged.
        DataError: `rows` is below 1.
    """
    wanted = run.study.evaluation.rows if rows is None else rows
    rules = replace(protocol_named(protocol), rows=wanted, cycle_rows=CYCLE_ROWS, particles=PARTICLES)
    if run.status != "finished":
        raise RunFolderError(
            f"Expected a finished run in '{run.path}'; this one is {run.status}. Run its study again to continue it."
        )
    study, scm = run.study, fitted_model(run)
    data = fitted_data(run, scm)
    if not data.graph.images:
        raise RunFolderError(
            f"Expected a run with an image in '{run.path}'; got the nodes {', '.join(data.graph.nodes)}."
        )
    image = data.graph.images[0]
    smoke = bool(run.record.get("smoke"))
    config = replace(PUBLISHED, epochs=1) if smoke else PUBLISHED
    threads = run.record.get("threads", {}).get("training", {})
    with FolderLock(run.path), bars(console or Console(stderr=True)) as progress, limited(threads_after(threads)):
        predictors = attribute_predictors(
            data, run.predictors, image=image, config=config, seed=study.seed, bars=progress
        )
        space = kept_latents(
            data, run.path / "latents", image=image, epochs=1 if smoke else LATENT_EPOCHS, bars=progress
        )
        measure = find_measurements(study.measured, trust_code=run.trust_code, bits=study.data.bits)
        readers = Readers(measure, predictors=predictors, latents=space, image=image)
        table = evaluate(
            scm, data, queries=list(predictors), readers=readers, protocol=rules, seed=study.seed, bars=progress
        )
        csv = run.tables / f"evaluation-{protocol}.csv"
        csv.parent.mkdir(exist_ok=True)
        write_csv(table.to_frame(), csv)
        found = memorised(study.evaluation, ModelOnData(scm, data, study.seed))
        if found is not None:
            write_csv(found.table.to_frame(), run.tables / "memorisation.csv")
            run.update(**memorisation_entry(found))
    return RunEvaluation(table, csv, found)
