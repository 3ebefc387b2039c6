"""`causalgen repair`: which training set keeps a classifier from relying on a shortcut?"""

import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .audit import factor, loaded, slug
from .failures import failures
from .opened import Sha256, opened_run
from .options import AsJson, RunArgument, TrustCode, split
from .signals import exit_code, stopped_by
from .terminal import print_files, print_json, print_notes, print_table, print_text, records
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    from ..audit import KeptTrainings, RepairReport

__all__ = ["repair"]


def repair(
    run: RunArgument,
    do: Annotated[
        list[str] | None,
        typer.Option(
            help="Counterfactuals to train on, as in `causalgen augment`: thickness=shuffle is the value of another unit.",
            show_default=False,
        ),
    ] = None,
    classifier: Annotated[
        str | None,
        typer.Option(
            help="The original classifier: a folder of a causalgen classifier, which is retrained in the same "
            "form, or anything that `causalgen audit` reads, together with --trainer.",
            show_default="a new causalgen classifier",
        ),
    ] = None,
    trainer: Annotated[
        str | None,
        typer.Option(
            help="Your training: module:function or file.py:function of (images, labels, weights, seed), which returns a "
            "classifier. Needs --trust-code.",
            show_default="the training of causalgen's classifiers",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="What the classifier predicts: an attribute, or digit=5,6,7 for whether it has one of these labels.",
            show_default="what a causalgen classifier predicts",
        ),
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Label whose score should not change.", show_default="the last of two")
    ] = None,
    contrast: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Two interventions between which the score should not change.",
            show_default="10 % and 90 % quantiles in training, or two labels",
        ),
    ] = None,
    per_unit: Annotated[int, typer.Option(min=1, help="Counterfactuals of each unit.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Trainings of each training set.")] = 5,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs of a causalgen classifier.", show_default="chosen by the number of images"),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Maximum number of test units to draw counterfactuals of.")] = 500,
    scale: Annotated[str, typer.Option(help="Factor for pixels from 0 to 255, for --classifier.")] = "1",
    logits: Annotated[bool, typer.Option("--logits", help="--classifier gives logits.")] = False,
    image: Annotated[
        str | None, typer.Option(help="The image that the classifier sees.", show_default="the only one")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="First seed of the trainings; seed of all noise.")
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for page and tables.", show_default="RUN/repairs/TARGET")
    ] = None,
    as_json: AsJson = False,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    threads: Threads = None,
) -> None:
    """Train a classifier on observed, reweighted, reconstructed and counterfactual images, and compare them.

    Every training set is used with several seeds and judged on test units: accuracy, accuracy where the shortcut misleads, and
    the change of the score of the same unit between two interventions, on counterfactuals of the model and, where the generator
    is known, on true ones. Audits before and after the repair are written next to the page. The same command continues an
    interrupted repair.

    Example: causalgen repair runs/biased --target digit=5,6,7,8,9 --do thickness=shuffle
    """
    if not do:
        raise typer.BadParameter("Expected an intervention, such as --do thickness=shuffle.", param_hint="--do")
    with failures(), ExitStack() as held:
        folder = opened_run(run, trust_code=trust_code, sha256=sha256)
        from ..audit import KeptTrainings, decided_by
        from ..audit.judge import scorers_of
        from ..audit.repair import class_of_interest
        from ..audit.repair import repair as repair_classifier
        from ..audit.repair_page import repair_sentences, write_repair
        from ..audit.trainers import load_trainer, retrained
        from ..augmentation import Augmentation
        from ..grammar import parse_do
        from ..metrics import Readers
        from ..metrics.cohort import image_node
        from ..studies.asking import fitted_data, fitted_model
        from ..studies.lock import LOCK, FolderLock
        from ..studies.output import check_writable
        from ..studies.readers import readers_of
        from ..training.progress import bars

        cap_threads()
        scm = fitted_model(folder)
        plan = Augmentation(parse_do(scm.graph, split(do), shuffle=True), per_unit, seed=seed)
        compared = None if contrast is None else tuple(parse_do(scm.graph, split([text])) for text in contrast)
        node = image_node(scm.graph, image)
        given = None if classifier is None else loaded(classifier, trust_code)
        predicted = _target(scm.graph, target, given)
        own = None if trainer is None else load_trainer(trainer, trust_code=trust_code)
        training = own or retrained(given, predicted.variable, epochs=epochs)
        position = class_of_interest(predicted, outcome)
        check_writable(out or folder.path)
        held.enter_context(FolderLock(out or folder.path))
        data = fitted_data(folder, scm)
        asked = decided_by(training, scm, data, plan, predicted, node)
        kept = (
            _usual(folder.path / "repairs" / slug(predicted.variable.name), asked)
            if out is None
            else KeptTrainings(out, asked, ignored=LOCK)
        )
        held.enter_context(_continued(kept))
        few = data.rows(data.split["test"][:64])[node]
        options: dict[str, Any] = {"scale": factor(scale), "logits": logits}
        scores = [] if given is None else scorers_of(given, predicted, position, few, **options)
        readers = readers_of(folder, scm.graph, node)
        with bars() as progress:
            task = progress.add_task("train classifiers", total=None, note="", visible=False)
            report = repair_classifier(
                training,
                scm,
                data,
                plan,
                predicted,
                given=scores,
                contrast=compared,  # type: ignore[arg-type]
                seeds=range(seed, seed + seeds),
                outcome=outcome,
                rows=rows,
                readers=Readers(readers.measure, readers.trained, image=node),
                kept=kept,
                progress=lambda done, total: progress.update(task, completed=done, total=total, visible=True),
            )
        about = {
            "run": str(run),
            "classifier": classifier or "a new causalgen classifier",
            "trainer": trainer or "causalgen's",
        }
        command = shlex.join(["causalgen", *sys.argv[1:]])
        with kept:
            written = write_repair(kept.folder, report, scm.graph, about=about, command=command)
        if as_json:
            print_json({"sentences": repair_sentences(report), "table": records(report.to_frame()), "files": written})
            return
        _print(report, repair_sentences(report))
        print_files(*written.values())


def _usual(folder: Path, asked: dict[str, Any]) -> "KeptTrainings":
    """Return the trainings of a folder, or of a folder next to it if it contains other trainings, finished or not."""
    from ..audit.kept_trainings import TRAININGS, KeptTrainings

    kept = KeptTrainings.beside(folder, asked)
    if kept.folder != folder and (folder / TRAININGS).exists():
        typer.echo(
            f"'{folder}' contains an unfinished repair with other trainings; this one uses '{kept.folder}'.", err=True
        )
    return kept


@contextmanager
def _continued(kept: "KeptTrainings") -> Iterator[None]:
    """Say where the finished trainings are if the command is interrupted."""
    try:
        yield
    except KeyboardInterrupt as stop:
        where = f" Finished trainings are kept in {kept.folder}; the same command continues from there."
        typer.echo(f"\n{stopped_by(stop)}" + (where if kept.begun else ""), err=True)
        raise typer.Exit(exit_code(stop)) from None


def _target(graph: Any, text: str | None, given: Any) -> Any:
    """Return what the classifier predicts: as named, or as recorded in a causalgen classifier."""
    from ..audit.predicted_label import PredictedLabel, read_label
    from ..errors import DataError
    from ..predictors import AttributePredictor

    if text is not None:
        return read_label(graph, text)
    if isinstance(given, AttributePredictor) and given.variable.is_discrete and given.variable.name in graph:
        return PredictedLabel(graph[given.variable.name])
    discrete = [name for name in graph.attributes if graph[name].is_discrete]
    raise DataError(
        f"Expected what the classifier predicts; got none. Name an attribute, --target {discrete[0] if discrete else 'NAME'}, "
        "or some of its labels, --target digit=5,6,7."
    )


def _print(report: "RepairReport", sentences: list[str]) -> None:
    measures = list(report.results[0].values)
    rows = [
        [
            result.training_set,
            f"{result.images:,}" if result.images else "",
            *(_cell(result, name) for name in measures),
        ]
        for result in report.results
    ]
    seeds = len(report.seeds)
    spread = f": mean of {seeds} seeds (least to greatest)" if seeds > 1 else ""
    title = f"{report.target}{spread}"
    print_table(["training set", "images", *measures], rows, title=title)
    for sentence in sentences:
        print_text(sentence)
    print_notes(report.notes)


def _cell(result: Any, measure: str) -> str:
    value, (least, greatest) = result.values[measure].value, result.spread[measure]
    return f"{value:.3f}" + (f" ({least:.3f} to {greatest:.3f})" if result.seeds > 1 else "")
