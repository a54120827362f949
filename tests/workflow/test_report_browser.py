"""The report in a real browser: nothing is fetched, nothing overflows, and it answers to mouse and keys."""

import shutil

import pytest

from coversim.report.page import write_report
from simulated_run import simulate

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
ATTACK = "'\"><img src=x onerror=document.title='attacked'><script>document.title='attacked'"
CONTRAST = """() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const page = luminance(getComputedStyle(document.body).backgroundColor);
  const texts = [...document.querySelectorAll('main *')].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return Math.min(...texts.map((e) => luminance(getComputedStyle(e).color)).map((ink) => (Math.max(ink, page) + .05) / (Math.min(ink, page) + .05)));
}"""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    songs = [
        {
            "dataset": "train",
            "feature": "crema",
            "work": ATTACK,
            "performance": f"P_{n}",
            "reason": ATTACK,
            "remedy": "",
        }
        for n in range(60)
    ]
    run = simulate(
        tmp_path_factory.mktemp("run"),
        {
            "default": 0.45,
            "brief": 0.75,
            "an-experiment-with-a-very-long-name-" * 3: 0.6,
            ATTACK: 0.6,
            "pca": 0.62,
        },
        seeds=[1, 2],
        name=f"Überlänge {ATTACK}",
        set_aside=songs,
    )
    write_report(**run)
    return run["output"].as_uri()


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """Opens the report at a size and in a colour scheme; fails on any error or request of the page."""
    pages, complaints = [], []

    def open_page(width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url != address and complaints.append(request.url))
        page.goto(address)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        assert page.title() != "attacked"
        page.close()
    assert complaints == []


@pytest.mark.parametrize("width", [1280, 768, 400])
def test_the_page_never_scrolls_sideways(open_page, width):
    page = open_page(width)
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_tables_fit_on_paper(open_page):
    page = open_page(690)  # A4 between margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == 690


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(open_page, scheme):
    assert open_page(scheme=scheme).evaluate(CONTRAST) >= 4.5  # WCAG 2.2, AA


def test_colours_follow_the_readers_scheme(open_page):
    light, dark = (
        open_page(scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    )
    assert light != dark


def test_names_from_outside_do_nothing(open_page):
    page = open_page()
    assert page.title().startswith("Überlänge '\"><img")
    assert page.locator("main img").count() == 0
    assert page.locator("script").count() == 1


def test_hovering_a_plot_shows_its_values(open_page):
    page = open_page()
    plot = page.locator("#training .plot").first
    plot.hover()
    assert "seed 1:" in page.locator("#tip").inner_text()
    page.locator("h1").hover()
    assert page.locator("#tip").is_hidden()


def test_arrow_keys_walk_through_a_plot(open_page):
    page = open_page()
    plot = page.locator("#training .plot").first
    plot.focus()
    said = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        said.append(page.locator("#tip").inner_text().splitlines()[0])
    assert said == ["epoch 0", "epoch 1", "epoch 0"]
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_a_click_on_a_column_sorts_the_table(open_page):
    page = open_page()
    table = page.locator("table.metrics").first
    for order in ("descending", "ascending"):
        table.get_by_role("button", name="MR1").click()
        assert table.locator("th[aria-sort]:not([aria-sort=none])").get_attribute("aria-sort") == order
        ranks = [float(cell.split()[0]) for cell in table.locator("tbody td:nth-child(5)").all_inner_texts()]
        assert ranks == sorted(ranks, reverse=order == "descending")


def test_every_experiment_stands_in_plot_and_table_alike(open_page):
    page = open_page()
    names = page.locator(".forest").first.locator(".name").all_inner_texts()
    assert names == page.locator("table.metrics").first.locator("tbody .name").all_inner_texts()
    assert len(names) == 5


def test_printing_unfolds_the_results(open_page):
    page = open_page()
    page.evaluate("document.querySelector('details.collection').open = false")
    assert page.pdf().startswith(b"%PDF")
    assert page.evaluate("document.querySelector('details.collection').open")
