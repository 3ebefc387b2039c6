"""`causalgen transfer`: give one image the style of another."""

from pathlib import Path
from typing import Annotated

import typer

from .counterfactual import print_answer, words_of
from .failures import failures
from .opened import Sha256, opened_model
from .options import AnswerOut, AsJson, ModelArgument, Particles, TrustCode, split
from .threads import Threads, cap_threads

__all__ = ["transfer"]


def transfer(
    run: ModelArgument,
    content: Annotated[
        str, typer.Option(help="Rows of the table, such as 3,7 or 3-7, or an image file.", show_default=False)
    ],
    style: Annotated[str, typer.Option(help="The row or image file to take attributes from.", show_default=False)],
    take: Annotated[
        str,
        typer.Option(
            help="Attributes to take, such as pen,thickness, or parts of the noise, such as image.z.",
            show_default=False,
        ),
    ],
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Attribute of the content's image file, name=value.", show_default="measured or inferred"
        ),
    ] = None,
    hold: Annotated[
        bool,
        typer.Option(
            "--hold", help="Keep all other attributes as they are; by default they respond to those that are taken."
        ),
    ] = False,
    particles: Particles = None,
    out: AnswerOut = None,
    as_json: AsJson = False,
    trust_code: TrustCode = False,
    sha256: Sha256 = None,
    threads: Threads = None,
) -> None:
    """Use a run's or a saved model to show what rows or an image would have been with attributes of another row or image.

    Attributes of an image file are measured, if the study measures them, or inferred by the model.

    Example: causalgen transfer runs/morphodigits --content 3 --style 7 --take pen,thickness
    """
    names = [name.strip() for name in take.split(",") if name.strip()]
    with failures():
        asked = opened_model(run, trust_code=trust_code, sha256=sha256)
        from ..studies.transferring import transfer as answer

        cap_threads()
        words = [content] if Path(content).is_file() else words_of(content, "--content")
        print_answer(
            answer(asked, words, style, names, out, values=split(given), hold=hold, particles=particles),
            as_json=as_json,
        )
