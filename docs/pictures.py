"""Draw the pictures of the README and the front page from a finished run of the default study.

    causalgen run examples/morphodigits/study.yaml
    python docs/pictures.py runs/morphodigits

Handwriting: UCI Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998), CC BY 4.0, redrawn.
"""

import io
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import imread

import causalgen as cg
from causalgen.reports.images import as_picture, bare, show
from causalgen.reports.style import ACCENT, BLUE, INK, MUTED, styled, with_interval

CHROMIUM = shutil.which("chromium")
HERE = Path(__file__).parent / "images"
DIGITS = (3, 6, 2, 8, 4, 7)
DO = {"thickness": 4.0}
CONTRAST = ("ballpoint", "felt-tip")
COLOURS = {"naive": ACCENT, "adjusted": BLUE}


@styled
def draw(run: Path) -> None:
    """Write every picture of `docs/images`."""
    data = cg.load("morphodigits")
    scm = cg.scm.load(run / "model")
    report = cg.estimate_effect(
        data.graph, data.frame(), treatment="pen", outcome="intensity", contrast=CONTRAST, refute=False
    ).compare(truth=data.truth.effect("pen", "intensity", CONTRAST))
    front(data, scm, report).savefig(HERE / "front.png", dpi=200)
    report.plot().savefig(HERE / "effect.png", dpi=150)
    data.graph.plot().savefig(HERE / "graph.png", dpi=150)
    film(data, scm).savefig(HERE / "film.png", dpi=150)
    scm.counterfactual(data.rows(data.split["test"][:4]), DO, seed=0).plot().savefig(HERE / "thicker.png", dpi=100)
    explorer_page(run, HERE / "explore.png")


def explorer_page(run: Path, file: Path) -> None:
    """The page of `causalgen explore`, photographed in Chromium through Playwright."""
    from playwright.sync_api import sync_playwright

    from causalgen.address import listen
    from causalgen.app import Explorer
    from causalgen.app.web import new_key, serve, web_app
    from causalgen.studies import read_run

    key, listening = new_key(), listen()
    app = web_app(Explorer(read_run(run)), key)
    threading.Thread(target=serve, args=(app, listening), daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900}, device_scale_factor=1)
        page.goto(f"http://127.0.0.1:{listening.getsockname()[1]}/?key={key}")
        page.get_by_role("radio", name="Row 8003:").click()
        page.get_by_label("thickness, px, as a number").fill("4")
        page.get_by_label("thickness, px, as a number").press("Enter")
        page.get_by_text("do(thickness = 4 px)").first.wait_for()
        page.get_by_role("button", name="Keep this one").click()
        page.wait_for_timeout(2000)  # until the film strip has followed
        page.screenshot(path=file, full_page=True)
        browser.close()


def front(data: cg.Dataset, scm: cg.StructuralCausalModel, report: cg.EffectReport) -> Figure:
    """Graph, counterfactual images next to the truth, and an effect with its interval."""
    figure = Figure(figsize=(11, 3.1))
    left, middle, right = figure.subfigures(1, 3, width_ratios=(2.3, 4.9, 3.6))
    _title(left, "Assume a causal graph")
    axes = left.add_axes((0.02, 0.02, 0.96, 0.83))
    axes.imshow(_picture(data.graph.plot()))
    axes.axis("off")
    _title(middle, "What if the stroke had been 4 px wide?")
    _draw_worlds(middle, data, scm)
    _title(right, "How much brighter does a felt-tip write?")
    _draw_effect(right, report)
    return figure


def film(data: cg.Dataset, scm: cg.StructuralCausalModel) -> Figure:
    """One digit under interventions on thickness and intensity."""
    posterior = scm.abduct(data.rows(_digits(data)[:1]), seed=0)
    asked = {"thickness": (1.4, 2.0, 2.6, 3.2, 4.0, 4.8), "intensity": (80, 110, 140, 170, 200, 230)}
    figure = Figure(figsize=(7.2, 2.7))
    grid = figure.subplots(2, 6)
    for row, (name, values) in zip(grid, asked.items()):
        unit = data.graph[name].unit or ""
        for axes, value in zip(row, values):
            bare(axes)
            show(axes, as_picture(posterior.counterfactual({name: value}, seed=0)["image"][0]))
            axes.set_title(f"{name}\n{value:g} {unit}", fontsize=7.5, color=INK, loc="center")
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.86, wspace=0.06, hspace=0.42)
    return figure


def _title(panel: SubFigure, text: str) -> None:
    panel.text(0.5, 0.93, text, fontsize=9.5, weight="bold", ha="center", color=INK)


def _picture(figure: Figure) -> np.ndarray:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=300)
    drawn.seek(0)
    return imread(drawn)


def _digits(data: cg.Dataset) -> list:
    """One thin test digit of each kind."""
    test = data.frame("test")
    thin = test[test["thickness"].between(1.8, 2.6) & test["intensity"].between(110, 200)]
    return [thin.index[thin["digit"].astype(str) == str(digit)][1] for digit in DIGITS]


def _draw_worlds(panel: SubFigure, data: cg.Dataset, scm: cg.StructuralCausalModel) -> None:
    units = _digits(data)
    factual = data.rows(units)
    answer = scm.counterfactual(factual, DO, seed=0)
    truth = data.truth.counterfactual(units, DO)
    grid = panel.subplots(3, len(units))
    panel.subplots_adjust(left=0.17, right=0.98, bottom=0.02, top=0.87, wspace=0.05, hspace=0.05)
    worlds = (("factual", factual), ("counter-\nfactual", answer), ("truth", truth))
    for row, (name, world) in zip(grid, worlds):
        for axes, image in zip(row, world["image"]):
            bare(axes)
            show(axes, as_picture(image))
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=6)


def _draw_effect(panel: SubFigure, report: cg.EffectReport) -> None:
    axes = panel.add_axes((0.06, 0.2, 0.88, 0.62))
    rows = [row for row in report.to_frame().to_dict("records") if row["kind"] in COLOURS]
    for place, row in enumerate(rows):
        colour, low, high = COLOURS[row["kind"]], row["low"], row["high"]
        axes.plot([low, high], [-place, -place], color=colour, linewidth=2.6, solid_capstyle="butt")
        axes.plot(row["estimate"], -place, "o", color=colour, markersize=7)
        text = f"{row['source']}  {with_interval(row['estimate'], low, high)}"
        axes.text(1.0, -place + 0.2, text, transform=axes.get_yaxis_transform(), ha="right", fontsize=8, color=INK)
    axes.axvline(report.truth, color=INK, linewidth=1.2, zorder=0)
    axes.text(report.truth, 0.7, f"truth {report.truth:.1f}", fontsize=8, weight="bold", ha="center", color=INK)
    axes.set(ylim=(-len(rows) + 0.6, 0.65), yticks=[], xlabel="effect on intensity, grey levels")
    axes.spines["left"].set_visible(False)
    axes.tick_params(colors=MUTED)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
