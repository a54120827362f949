"""The report in a real browser: nothing is fetched, nothing overflows, and it answers to mouse and keys."""

import csv
import json
import shutil

import pandas as pd
import pytest

from coversim.evaluation import metric_table
from coversim.evaluation.metric_names import PAIRS, RETRIEVAL
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
def run(tmp_path_factory):
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
            "vector": 0.45,
            "brief": 0.75,
            "an-experiment-with-a-very-long-name-" * 3: 0.6,
            ATTACK: 0.6,
            "pca": 0.62,
        },
        seeds=[1, 2],
        name=f"Überlänge {ATTACK}",
        set_aside=songs,
        songs=True,
    )
    [titles] = run["titles"]
    known = json.loads(titles.read_text())
    for performances in known.values():  # the last of each work
        performances[max(performances)] = {"perf_title": f"Hostile {ATTACK}"}
    titles.write_text(json.dumps(known))
    write_report(**run)
    return run


@pytest.fixture(scope="module")
def address(run):
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


@pytest.mark.parametrize("width", [1280, 768, 390])
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
    assert page.locator("main img[src=x]").count() == 0
    assert page.locator("script:not([type='application/json'])").count() == 1


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
        ranks = [float(cell.split()[0]) for cell in table.locator("tbody td:nth-child(6)").all_inner_texts()]
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


FIGURES = {  # by section, what is drawn there
    "results": ".forest",
    "curves": ".plot svg",
    "probability": ".plot svg",
    "strata": ".stratum circle",
    "distances": ".plot polygon",
    "training": ".plot polyline",
    "search": "input",
    "map": "#song-map path",
    "examples": ".card img",
    "patches": ".components img",
    "cost": ".gantt rect",
}


def test_every_figure_is_there(open_page):
    page = open_page()
    for section, figure in FIGURES.items():
        assert page.locator(f"section#{section} {figure}").count() > 0, section
    titles = page.locator("#curves .panel .name, #probability .panel .name").all_inner_texts()
    assert titles == [
        "First cover found within the first k candidates",
        "Covers found within the first k candidates",
        *("ROC", "DET", "Pairs, at even odds", "Songs found first, among all"),
    ]
    drawn = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    assert page.evaluate(drawn)
    linked = page.locator("nav a").evaluate_all("links => links.map((a) => a.hash.slice(1))")
    assert linked == page.locator("section").evaluate_all("sections => sections.map((one) => one.id)")


def test_the_numbers_are_those_of_the_table_of_metrics(open_page, run, tmp_path):
    metric_table.write(tmp_path / "metrics.tsv", metric_table.read(run["evaluations"]))
    with (tmp_path / "metrics.tsv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file, dialect="excel-tab") if row["collection"] == "test"]
    table = open_page().locator("table.metrics").first
    cells = table.locator("tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.dataset.value))"
    )
    shown = [*list(RETRIEVAL)[:1], "difference", "p", "map_hubs", *list(RETRIEVAL)[1:], *PAIRS]
    for name, *values in cells:
        seeds = [row for row in rows if row["experiment"] == name]
        assert seeds
        for metric, value in zip(shown, values, strict=True):
            if metric in rows[0]:
                expected = sum(float(row[metric]) for row in seeds) / len(seeds)
                assert float(value) == pytest.approx(expected), (name, metric)


def test_a_song_is_found_by_keyboard_with_its_ten_nearest(open_page, run):
    found = pd.read_parquet(next(path for path in run["found"] if path.parts[-3:-1] == ("vector", "1")))
    query = found[(found.collection == "test") & (found.performance == "P_test00003")].sort_values("rank")
    page = open_page()
    page.get_by_label("Title, artist or name of a song").focus()
    page.keyboard.type("ballad 3 sangerin test00003")  # words in any order, without accents
    box = page.get_by_role("combobox")
    assert box.get_attribute("aria-expanded") == "true"
    page.keyboard.press("ArrowDown")
    option = page.locator("[role=option][aria-selected=true]")
    assert box.get_attribute("aria-activedescendant") == option.get_attribute("id")
    page.keyboard.press("Enter")
    assert box.get_attribute("aria-expanded") == "false"
    rows = page.locator("#neighbours tbody tr")
    assert rows.count() == 10
    for row, expected in zip(rows.all(), query.itertuples(), strict=True):
        rank, song, probability, cover = row.locator("td, th").all_inner_texts()
        assert rank == str(expected.rank)
        assert f"{expected.found_work} / {expected.found_performance}" in song
        assert float(probability.removesuffix(" %")) == pytest.approx(100 * expected.probability, abs=0.051)
        assert (cover == "cover") == expected.is_cover


def test_a_search_can_be_left_and_says_when_nothing_is_called_so(open_page):
    page = open_page()
    page.locator("#query").fill("ballad")
    page.keyboard.press("Escape")
    assert page.locator("#matches").is_hidden()
    page.locator("#query").fill("nobody has sung this")
    assert "No song" in page.locator("#neighbours").inner_text()


def test_a_hostile_title_is_found_as_text(open_page):
    page = open_page()
    page.locator("#query").fill("hostile")
    page.keyboard.press("Enter")
    assert ATTACK[:60] in page.locator("#neighbours caption").inner_text()
    assert page.locator("#neighbours img").count() == 0


def test_the_map_tells_titles_to_pointer_and_keys(open_page):
    page = open_page()
    songs = page.locator("#song-map")
    songs.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert "Ballad no. 3 of" in page.locator("#tip").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    dot = songs.locator("path:not(.joins)").nth(5)
    x, y = (float(part) / 100 for part in dot.get_attribute("d")[1:].removesuffix("h0").split())
    box = songs.bounding_box()
    songs.hover(position={"x": x * box["width"], "y": y * box["height"]})
    assert "Ballad no. 5 of" in page.locator("#tip").inner_text()


@pytest.mark.parametrize(("width", "hinted"), [(390, True), (768, True), (1280, False)])
def test_a_table_that_is_wider_than_the_page_says_so(open_page, width, hinted):
    page = open_page(width)
    table = page.locator(".scroll:has(table.metrics)").first
    assert (table.get_attribute("data-more") is not None) == hinted
    said = table.evaluate("element => getComputedStyle(element, '::before').content")
    assert ("scroll sideways" in said) == hinted


LABELS = """() => [...document.querySelectorAll('.plot')].map((plot) => {
  const inside = plot.querySelector('svg').getBoundingClientRect();
  const boxes = (kind) => [...plot.querySelectorAll(kind)].map((label) => label.getBoundingClientRect());
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  const labels = [...boxes('.x-tick'), ...boxes('.y-tick')];
  return {
    values: boxes('.y-tick').length,
    inside: labels.filter((box) => !apart(box, inside)).length,
    overlaps: labels.filter((a, i) => labels.some((b, j) => j > i && !apart(a, b))).length,
  };
})"""


@pytest.mark.parametrize("width", [390, 1280])
def test_axes_have_values_that_neither_overlap_nor_lie_on_curves(open_page, width):
    plots = open_page(width).evaluate(LABELS)
    assert len(plots) > 10
    for plot in plots:
        assert plot["values"] >= 2
        assert plot["inside"] == 0
        assert plot["overlaps"] == 0


SCALES = """() => [...document.querySelectorAll('.scale')].map((scale) => {
  const boxes = [...scale.querySelectorAll('span')].map((label) => label.getBoundingClientRect()).filter((box) => box.width);
  return {
    labels: boxes.length,
    lines: Math.max(...boxes.map((box) => box.height)),
    overlaps: boxes.some((box, i) => i > 0 && box.left < boxes[i - 1].right),
  };
})"""


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_scales_of_intervals_and_jobs_have_labels_that_do_not_overlap(open_page, width):
    page = open_page(width)
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    scales = page.evaluate(SCALES)
    assert len(scales) > 5
    for scale in scales:
        assert scale["labels"] >= 2
        assert scale["lines"] < 30
        assert not scale["overlaps"]
