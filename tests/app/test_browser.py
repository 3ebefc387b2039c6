"""The page in a real browser, Chromium through Playwright: by mouse, by keyboard, narrow and dark; skipped without either.

Marked slow, about a second each; CI runs them in a step.
"""

import io
import re
import shutil
import socket
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from causalgen.address import listen
from causalgen.app import Explorer, write_static_page
from causalgen.app.web import serve, web_app

from .twins import MARKUP

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
KEY = "a-key"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore"),
]


def _served(explorer: Explorer) -> tuple[str, socket.socket]:
    listening = listen()
    threading.Thread(target=serve, args=(web_app(explorer, KEY), listening), daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/?key={KEY}", listening


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def url(twins: Explorer) -> str:
    return _served(twins)[0]


@pytest.fixture(scope="module")
def static(twins: Explorer, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_static_page(twins, tmp_path_factory.mktemp("static"), ["0"]).as_uri()


def _open(browser: Any, url: str, **options: Any) -> Any:
    """A page with an answer on it; it collects errors and requests to elsewhere in `page.faults`."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if _is_own(request.url, url) else page.faults.append(request.url))
    page.goto(url)
    page.locator("#frames [role=radio]").first.wait_for()
    return page


def _is_own(asked: str, url: str) -> bool:
    return asked.startswith(("data:", "blob:", url.partition("?")[0]))


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    found = _open(browser, url)
    yield found
    faults = found.faults
    found.context.close()
    assert not faults


def _state(page: Any, name: str) -> str:
    return page.get_by_role("group", name=name, exact=True).locator(".mark").inner_text()


def _title(page: Any, text: str) -> None:
    sync_api.expect(page.locator("#title")).to_have_text(re.compile(text))


def _set_another_grade(page: Any) -> None:
    page.get_by_role("group", name="grade").get_by_role("radio", checked=False).first.check()


def _source(page: Any, title: str) -> str:
    return (
        page.locator("figure", has=page.locator("figcaption", has_text=title)).first.locator("img").get_attribute("src")
    )


def _file(name: str, content: bytes | None = None) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 90, (24, 20), np.uint8)).save(buffer, format="png")
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue() if content is None else content}


def _upload(page: Any, *files: dict[str, Any]) -> None:
    page.locator("#own summary").click()
    for place, file in enumerate(files):
        page.locator(f"#image-{place}").set_input_files(file)
    for name, value in {"age at scan": "44", "volume": "23.5"}.items():
        page.locator(f"#given [data-name='{name}']").fill(value)
    for name, value in {"grade": "low", "=side": "=L", "clinic": MARKUP}.items():
        page.locator(f"#given [data-name='{name}']").select_option(value)
    page.get_by_role("button", name="Use this image").click()


def test_it_loads_and_shows_a_unit_as_observed(page: Any) -> None:
    assert "key=" not in page.url  # a copied address does not give the key away
    assert page.get_by_role("radio", name=re.compile("^Row ")).count() > 5
    assert page.locator("#title").inner_text() == "as observed"
    assert _source(page, "Left: factual") == _source(page, "Left: counterfactual")
    assert {_state(page, name) for name in ("age at scan", "grade", "volume", "=side", "clinic")} == {"as it was"}


def test_a_drag_changes_the_image_and_what_follows(page: Any) -> None:
    before = _source(page, "Left: counterfactual")
    box = page.get_by_role("slider", name="age at scan").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    _title(page, r"^do\(age at scan = ")
    sync_api.expect(page.locator("#inputs .moved")).not_to_have_count(0)
    assert _state(page, "age at scan") == "set"
    assert _state(page, "volume") == "followed"
    assert _source(page, "Left: counterfactual") != before


def test_arrow_keys_move_a_slider(page: Any) -> None:
    slider = page.get_by_role("slider", name="age at scan")
    value = float(slider.input_value())
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    _title(page, r"^do\(age at scan = ")
    assert float(slider.input_value()) > value
    assert slider.get_attribute("aria-valuetext").endswith("years <i>")


def test_a_whole_question_by_keyboard_alone(page: Any) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the skip link
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "reset"
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    _title(page, r"^do\(age at scan = ")
    for _ in range(40):
        if page.evaluate("document.activeElement.id") == "keep":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#finds li").count() == 1


def test_units_are_chosen_by_arrows(page: Any) -> None:
    first = page.locator("#answer-title").inner_text()
    page.locator("#units [tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    sync_api.expect(page.locator("#answer-title")).not_to_have_text(first)
    assert page.locator("#units [aria-checked=true]").count() == 1


def test_pages_splits_and_rows_lead_to_units(page: Any) -> None:
    page.get_by_label("Split").select_option("train")
    sync_api.expect(page.locator("#page")).to_have_text(re.compile("page 1 of [2-9]"))
    page.get_by_role("button", name="Next page").click()
    sync_api.expect(page.locator("#page")).to_have_text(re.compile("page 2"))
    page.get_by_label("Row", exact=True).fill("17")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#answer-title")).to_have_text("Row 17")
    page.get_by_label("Row", exact=True).fill("no such")
    page.keyboard.press("Enter")
    sync_api.expect(page.get_by_role("alert")).to_contain_text("Expected a row")
    page.faults.clear()  # the browser logs the refusal


def test_a_setting_outside_the_support_of_training_is_marked(page: Any) -> None:
    page.get_by_label("age at scan, years <i>, as a number").fill("119")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#support")).to_contain_text("outside the joint range of training")
    assert page.locator(".shot.outside").count() == 2


def test_a_value_outside_the_declared_support_gets_a_message(page: Any) -> None:
    number = page.get_by_label("age at scan, years <i>, as a number")
    number.fill("200")
    page.keyboard.press("Enter")
    sync_api.expect(page.get_by_role("alert")).to_contain_text("within its support [0, 120]")
    assert number.get_attribute("aria-invalid") == "true"
    page.get_by_role("button", name="Reset all").click()
    sync_api.expect(page.locator("#alert")).to_be_hidden()
    page.faults.clear()


def test_direct_holds_what_would_follow(page: Any) -> None:
    page.get_by_label("age at scan, years <i>, as a number").fill("60")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#inputs .moved")).not_to_have_count(0)
    page.get_by_label("stay as they were").check()
    sync_api.expect(page.locator("#inputs .moved")).to_have_count(0)
    assert _state(page, "volume") == "held"
    page.get_by_role("button", name="Let age at scan follow again").click()
    _title(page, "as observed")


def test_draws_are_shown(page: Any) -> None:
    page.get_by_label("Draws of what is uncertain").select_option("8")
    sync_api.expect(page.locator("#draw-pictures img")).to_have_count(16)
    sync_api.expect(page.locator("#pictures")).to_contain_text("mean of 8 draws")


def test_a_frame_of_the_film_strip_sets_its_value(page: Any) -> None:
    page.get_by_label("over").select_option("grade")
    sync_api.expect(page.locator("#frames [role=radio]")).to_have_count(3)
    page.get_by_role("radio", name="grade high", exact=True).click()
    _title(page, r"^do\(grade = high\)")
    sync_api.expect(page.locator("#frames [aria-checked=true]")).to_contain_text("high")


def test_the_graph_says_what_changed(page: Any) -> None:
    page.get_by_label("age at scan, years <i>, as a number").fill("60")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#graph svg")).to_have_attribute(
        "aria-label", re.compile("age at scan set.*volume followed")
    )
    assert "do(age at scan)" in page.locator("#graph").inner_text()


def test_markup_in_labels_stays_text(page: Any) -> None:
    page.get_by_role("group", name="clinic").get_by_role("combobox").select_option(label=MARKUP)
    _title(page, re.escape(f"do(clinic = {MARKUP})"))
    page.get_by_role("button", name="Keep this one").click()
    assert page.locator("#finds").inner_text().count(MARKUP) == 1
    assert page.evaluate("window.hurt") is None
    assert page.locator("img[src=x], #question script").count() == 0


def test_finds_are_kept_removed_recalled_and_saved(page: Any, tmp_path: Path) -> None:
    page.get_by_role("button", name="Keep this one").click()
    page.get_by_label("age at scan, years <i>, as a number").fill("60")
    page.keyboard.press("Enter")
    _title(page, r"^do\(age at scan = 60")
    page.get_by_role("button", name="Keep this one").click()
    for kind, start in (("png", b"\x89PNG"), ("csv", b"find,"), ("py", b"from "), ("yaml", b"gallery:")):
        with page.expect_download() as download:
            page.locator(f"#saving [data-kind={kind}]").click()
        assert download.value.suggested_filename == f"finds.{kind}"
        assert Path(download.value.path()).read_bytes().startswith(start)
    page.reload()
    sync_api.expect(page.locator("#finds li")).to_have_count(2)
    page.locator("#finds .again").nth(1).click()
    _title(page, r"^do\(age at scan = 60")
    page.get_by_role("button", name="Remove find 1").click()
    sync_api.expect(page.locator("#finds li")).to_have_count(1)


def test_an_image_of_ones_own_is_answered(page: Any) -> None:
    _upload(page, _file("mine <b>.png"), _file("also.png"))
    sync_api.expect(page.locator("#answer-title")).to_contain_text("mine")
    sync_api.expect(page.locator("#notes")).to_contain_text("resized")
    page.get_by_label("age at scan, years <i>, as a number").fill("60")
    page.keyboard.press("Enter")
    _title(page, r"^do\(age at scan = 60")


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n no image", b"<script>window.hurt=1</script>", zlib.compress(b"0" * 999)]
)
def test_a_bad_file_gets_a_message_and_nothing_is_lost(page: Any, content: bytes) -> None:
    unit = page.locator("#answer-title").inner_text()
    _upload(page, _file("bad.png", content))
    sync_api.expect(page.get_by_role("alert")).to_contain_text("Expected an image")
    assert page.locator("#answer-title").inner_text() == unit
    assert page.get_by_role("button", name="Use this image").is_enabled()
    page.faults.clear()


def test_two_tabs_do_not_disturb_each_other(page: Any, browser: Any, url: str) -> None:
    other = page.context.new_page()
    other.goto(url)
    other.locator("#frames [role=radio]").first.wait_for()
    page.get_by_label("age at scan, years <i>, as a number").fill("60")
    page.keyboard.press("Enter")
    _set_another_grade(other)
    _title(page, r"^do\(age at scan = 60[^,]*\)$")
    _title(other, r"^do\(grade = \w+\)$")
    other.get_by_role("button", name="Keep this one").click()
    assert page.locator("#finds li").count() == 0
    other.close()


def test_a_server_that_stopped_is_reported(page: Any) -> None:
    page.route("**/api/answer", lambda route: route.abort())
    page.get_by_label("age at scan, years <i>, as a number").fill("60")
    page.keyboard.press("Enter")
    sync_api.expect(page.get_by_role("alert")).to_contain_text("Start it again")
    page.faults.clear()


def test_leaving_in_mid_answer_does_not_stop_the_others(page: Any, browser: Any, url: str) -> None:
    leaving = _open(browser, url)
    leaving.get_by_label("over").select_option("clinic")
    leaving.get_by_role("slider", name="age at scan").focus()
    leaving.keyboard.press("ArrowRight")
    leaving.context.close()
    page.get_by_role("slider", name="age at scan").focus()
    page.keyboard.press("ArrowRight")
    _title(page, r"^do\(age at scan = ")


@pytest.mark.parametrize("width", [320, 390, 800, 1280])
def test_no_width_needs_scrolling_sideways(browser: Any, url: str, width: int) -> None:
    page = _open(browser, url, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["served", "static"])
def test_axe_finds_nothing(browser: Any, url: str, static: str, scheme: str, kind: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = _open(browser, url if kind == "served" else static, color_scheme=scheme)
    page.get_by_role("slider", name="age at scan").focus()
    page.keyboard.press("End")
    _title(page, r"^do\(age at scan = ")
    if kind == "served":
        page.locator("#own summary").click()
        page.get_by_role("button", name="Keep this one").click()
    found = axe.Axe().run(page).response["violations"]
    page.context.close()
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


def test_dark_and_light_differ(browser: Any, static: str) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        page = _open(browser, static, color_scheme=scheme)
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.context.close()
    assert len(grounds) == 2


def test_the_static_page_answers_from_its_file(browser: Any, static: str) -> None:
    page = _open(browser, static)
    assert not page.locator("#gallery, #own, #listing").filter(visible=True).count()
    page.get_by_role("slider", name="age at scan").focus()
    page.keyboard.press("End")
    _title(page, r"^do\(age at scan = ")
    assert _state(page, "volume") == "followed"
    page.get_by_label("stay as they were").check()
    sync_api.expect(page.locator("#inputs .held")).not_to_have_count(0)
    _set_another_grade(page)
    _title(page, r"^do\(grade = ")
    faults = page.faults
    page.context.close()
    assert not faults
