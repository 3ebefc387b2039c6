"""`causalgen export`: the model of a run as graphs that run without causalgen."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failures import failures
from .opened import Sha256, opened_model
from .options import AsJson, ModelArgument, TrustCode
from .terminal import print_files, print_json, print_notes, print_table, records
from .threads import Threads, cap_threads

if TYPE_CHECKING:
    from ..studies.exporting import ExportedRun

__all__ = ["export"]


def export(
    run: ModelArgument,
    to: Annotated[str, typer.Option(help="onnx, or torch-export for PyTorch without causalgen.")] = "onnx",
    half: Annotated[
        bool, typer.Option("--half", help="Also write a copy whose weights are stored in half precision (onnx).")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write a copy whose networks compute with 8-bit integers (onnx).")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the files.", show_default="RUN/exports/FORMAT")] = None,
    as_json: AsJson = False,
    sha256: Sha256 = None,
    trust_code: TrustCode = False,
    threads: Threads = None,
) -> None:
    """Write abduction and prediction of a run's model as ONNX or PyTorch graphs, and compare them with the model.

    An export whose answers differ by more than 1e-4 of a variable's range is refused.

    Example: causalgen export runs/morphodigits --to onnx --int8
    """
    if (half or int8) and to != "onnx":
        raise typer.BadParameter(
            "Expected --half and --int8 with --to onnx; other formats have no copies.", param_hint="--to"
        )
    with failures():
        folder = opened_model(run, trust_code=trust_code, sha256=sha256)
        from ..studies.exporting import export_run

        cap_threads()
        asked = [name for name, wanted in (("half", half), ("int8", int8)) if wanted]
        found = export_run(folder, out, to=to, precisions=asked)
        agreement = found.exported.agreement
        if as_json:
            print_json(_content(found))
            return
        print_table(
            ("node", "largest difference"),
            [(name, f"{value:.1e}") for name, value in agreement.difference.items()],
            title=f"Export and model on {agreement.units} units under {agreement.queries} interventions (share of the range)",
        )
        if found.costs is not None:
            _print_costs(found)
        print_notes(_notes(found))
        print_files(*found.exported.graphs.files.values(), found.exported.folder / "export.json")


def _content(found: "ExportedRun") -> dict[str, object]:
    agreement = found.exported.agreement
    return {
        "difference": agreement.difference,
        "same_support": agreement.same_support,
        "units": agreement.units,
        **({} if found.costs is None else {"costs": records(found.costs), "error_to_truth": found.truth}),
        "files": found.exported.graphs.files | {"description": found.exported.folder / "export.json"},
    }


def _print_costs(found: "ExportedRun") -> None:
    assert found.costs is not None
    error = "L1 to the truth" if found.truth else "L1 to the full export"
    rows = []
    for row in records(found.costs):
        change = "" if row["change"] is None else f"{row['change']:+.1%}"
        size, speed = f"{row['bytes'] / 1e6:.2f} MB", f"{row['milliseconds']:.2f} ms"
        rows.append((row["precision"], size, speed, f"{row['error']:.3f}", change, f"{row['labels']:.1%}"))
    print_table(
        ("precision", "size", "time per unit", error, "change", "other labels"), rows, title="Copies on test units"
    )


def _notes(found: "ExportedRun") -> list[str]:
    if found.costs is None:
        return []
    slower = found.costs["milliseconds"] > found.costs["milliseconds"].iloc[0]
    return [f"The {name} copy is slower than single precision here." for name in found.costs["precision"][slower]]
