"""The gallery in a real browser, from a file and without a network."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gallery_pages import FACE, coloured, happy, moment, photo, several, written
from helpers import face

from albumsort.export.kept import kept_hashes
from albumsort.show import gallery
from albumsort.types import Emotion

webdriver = pytest.importorskip("selenium.webdriver", reason="needs Selenium, which steers a browser (albumsort[test])")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
AXE = Path(os.environ.get("ALBUMSORT_TEST_AXE") or "node_modules/axe-core/axe.min.js")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="needs Chromium and its driver (Debian: apt-get install chromium chromium-driver)",
)
OPTIONS = (
    "headless=new no-sandbox disable-gpu disable-background-networking disable-component-update disable-sync"
    " no-first-run disable-dev-shm-usage remote-debugging-pipe"
    " blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"  # a mouse
    " host-resolver-rules=MAP * ~NOTFOUND"
)
EVIL = "<img src=x onerror=document.title='evil'> \u202e \"'&.jpg"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in OPTIONS.replace("MAP * ", "MAP\0*\0").split(" "):
        options.add_argument("--" + option.replace("\0", " "))
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    browser.set_page_load_timeout(30)
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A gallery of four happy photos, the second with two frames behind it, and two neutral ones, one of them gone."""
    folder = tmp_path_factory.mktemp("gallery")
    best, frames = moment(folder, 3)
    portrait = photo(folder / "portrait.jpg", faces=[face(FACE, happy=0.9), face((10, 10, 60, 60), sad=0.8)])
    rest = several(folder, 2)
    evil = replace(photo(folder / "evil.jpg", coloured(40)), path=folder / EVIL)
    shutil.copy(folder / "evil.jpg", folder / EVIL)
    gone = photo(folder / "gone.jpg", coloured(50))
    gone.path.unlink()
    sections = (
        happy(portrait, best, *rest, behind={best.path: frames}),
        gallery.Section(Emotion.NEUTRAL, [evil, gone]),
    )
    page = written(folder / "gallery.html", *sections)
    assert len(page.failures) == 1
    hashes = [one.digest for one in (portrait, best, *frames, *rest, evil, gone)]
    return SimpleNamespace(file=folder / "gallery.html", hashes=hashes)


class Browser:
    """A browser that shows the gallery; keys go to the element with the focus."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads

    def __call__(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def one(self, selector: str) -> Any:
        [found] = self.all(selector)
        return found

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def tab_to(self, selector: str) -> None:
        for _ in range(20):
            if self("return document.activeElement.matches(arguments[0])", selector):
                return
            self.keys(Keys.TAB)
        raise AssertionError(f"the tab key does not reach {selector}")

    def resize(self, width: int, height: int = 700) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, **features: str) -> None:
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})

    def downloaded(self) -> bytes:
        file = self.downloads / "kept.txt"
        wait(lambda: file.exists() and file.stat().st_size > 0)
        return file.read_bytes()

    def would_ask_before_leaving(self) -> bool:
        event = "const e = new Event('beforeunload', {cancelable: true}); window.dispatchEvent(e)"
        return bool(self(f"{event}; return e.defaultPrevented"))

    def list_(self) -> list[str]:
        return kept_hashes(str(self("return document.querySelector('textarea').value")).encode()) or []

    def focused(self) -> str:
        return str(self("return document.activeElement.closest('.cell')?.dataset.photo ?? ''"))

    def problems(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


def wait(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


@pytest.fixture
def browser(chromium: Any, album: SimpleNamespace, tmp_path: Path) -> Iterator[Browser]:
    chromium.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    browser = Browser(chromium, tmp_path)
    browser.prefer(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    browser.resize(1024)
    chromium.get("about:blank")
    chromium.get(album.file.as_uri())
    browser("localStorage.clear()")
    chromium.refresh()
    browser.problems()
    yield browser
    assert browser.problems() == []
    browser("localStorage.clear()")


def choose(browser: Browser, cell: int, what: str) -> None:
    """Choose by the pointer, on the cell."""
    shown = browser.all(".cell:not([hidden])")[cell]
    webdriver.ActionChains(browser.driver).move_to_element(shown).perform()
    shown.find_element(By.CSS_SELECTOR, f".{what}").click()


def test_three_are_kept_one_is_dropped_and_the_list_has_the_three(browser: Browser, album: SimpleNamespace) -> None:
    assert not browser.would_ask_before_leaving()
    for cell in (0, 3, 4):
        choose(browser, cell, "keep")
    choose(browser, 2, "drop")
    assert browser.one("#bar .count").text == "3 kept, 1 dropped"
    assert browser.would_ask_before_leaving()
    browser.one("#bar .main").click()
    expected = [album.hashes[i] for i in (0, 5, 6)]
    assert browser.list_() == expected
    browser.one(".sheet[open] .main").click()
    assert kept_hashes(data := browser.downloaded()) == expected
    assert data.decode().splitlines()[2] == f"{expected[2]}\t{EVIL}".replace("\u202e", "\ufffd")
    assert not browser.would_ask_before_leaving()


def test_the_keyboard_alone_is_enough(browser: Browser, album: SimpleNamespace) -> None:
    browser.tab_to(".open")
    browser.keys(" ", Keys.ARROW_RIGHT, "x", Keys.ARROW_RIGHT, Keys.ENTER)
    assert browser("return document.querySelector('.large').open")
    browser.keys(" ", Keys.ARROW_RIGHT, " ", "u", Keys.ARROW_RIGHT, " ", Keys.ESCAPE)
    wait(lambda: browser.focused() == "6")  # the photo that was seen last
    browser.keys("e")
    browser.tab_to(".sheet[open] .main")
    browser.keys(Keys.ENTER)
    assert kept_hashes(browser.downloaded()) == [album.hashes[i] for i in (0, 4, 6)]
    browser.keys(Keys.ESCAPE)
    wait(lambda: browser.focused() == "6")
    browser.keys(Keys.ARROW_UP, Keys.TAB)
    assert browser("return document.activeElement.matches('.keep')"), "its controls are behind the cell"
    assert browser.one("#bar .count").text == "3 kept, 1 dropped"


def test_choices_survive_a_reload(browser: Browser) -> None:
    choose(browser, 0, "keep")
    choose(browser, 2, "drop")
    browser.driver.refresh()
    assert browser.one("#bar .count").text == "1 kept, 1 dropped"
    assert browser.would_ask_before_leaving()
    assert len(browser.all(".is-kept")) == len(browser.all(".is-dropped")) == 1


def test_the_page_works_where_nothing_can_be_stored(browser: Browser, album: SimpleNamespace) -> None:
    refuses = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('', 'SecurityError'); }})"
    script = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": refuses})
    try:
        browser.driver.refresh()
        choose(browser, 0, "keep")
        assert browser.one("#bar .count").text == "1 kept, 0 dropped"
        browser.keys("e")
        assert browser.list_() == [album.hashes[0]]
        assert browser.would_ask_before_leaving()
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
        browser.driver.refresh()


def test_the_frames_of_a_moment_unfold_in_place(browser: Browser, album: SimpleNamespace) -> None:
    assert len(browser.all(".cell:not([hidden])")) == 6
    browser.one(".more").click()
    shown = [cell.get_attribute("data-photo") for cell in browser.all(".cell:not([hidden])")]
    assert shown == ["0", "1", "2", "3", "4", "5", "6", "7"]
    browser.keys(Keys.ARROW_RIGHT, " ", "m")
    assert browser.focused() == "1", "the focus is not lost with the frames"
    browser.keys(Keys.ENTER, Keys.ARROW_DOWN, Keys.ARROW_DOWN, " ", "e")
    assert browser.list_() == [album.hashes[i] for i in (2, 3)]


def test_faces_and_scores_are_shown_on_demand(browser: Browser) -> None:
    browser.all(".open")[0].click()
    assert browser.all(".boxes") == []
    assert not browser.one(".panel").is_displayed()
    browser.keys("f", "i")
    assert browser.one(".panel .sentence").text.startswith("Looks happy, ")
    assert len(browser.all(".bars li")) == 7
    assert "Face 2: sad" in browser.one(".panel").text
    picture, box = browser.one(".stage img").rect, browser.all(".boxes rect:not(.under)")[0].rect
    scale = min(picture["width"], picture["height"]) / 400
    left = picture["x"] + (picture["width"] - 400 * scale) / 2 + FACE[0] * scale
    assert abs(box["x"] - left) < 4
    assert abs(box["width"] - FACE[2] * scale) < 8


def test_names_are_text(browser: Browser) -> None:
    browser.all(".open")[-2].click()
    browser.keys("i")
    assert EVIL.replace("\u202e", "\ufffd") in browser.one(".panel").text
    assert browser.driver.title == "Gallery"


def test_a_photo_that_could_not_be_read_says_why(browser: Browser, album: SimpleNamespace) -> None:
    lost = browser.all(".cell")[-1]
    assert "Photo 2 of 2, looks happy, cannot be read" in (lost.find_element(By.CSS_SELECTOR, ".open").accessible_name)
    lost.find_element(By.CSS_SELECTOR, ".open").click()
    assert "No such file" in browser.one(".stage").text
    browser.keys(" ", "e")
    assert browser.list_() == [album.hashes[7]]


def test_a_tap_on_any_part_of_a_cell_opens_it(browser: Browser) -> None:
    """Its invisible controls do not catch the finger."""
    webdriver.ActionChains(browser.driver).move_to_element(browser.one("h1")).perform()
    hit = "const r = arguments[0].getBoundingClientRect(); return document.elementFromPoint(r.x + r.width / 2, r.y + 9)"
    for control in browser.all(".over .tool")[:4]:
        assert browser(hit, control).tag_name == "img"


def test_a_swipe_turns_to_the_next_photo(browser: Browser) -> None:
    browser.all(".open")[0].click()

    def touch(kind: str, *points: tuple[int, int]) -> None:
        event = {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
        browser.driver.execute_cdp_cmd("Input.dispatchTouchEvent", event)

    for start, end, place in ((600, 300, "2 of 4"), (300, 600, "1 of 4"), (400, 410, "1 of 4")):
        touch("touchStart", (start, 300))
        touch("touchMove", ((start + end) // 2, 300))
        touch("touchMove", (end, 300))
        touch("touchEnd")
        wait(lambda place=place: place in browser.one(".top p").text)  # type: ignore[misc]


@pytest.mark.parametrize("width", [320, 360, 1024, 2560])
def test_nothing_is_wider_than_the_window(width: int, browser: Browser) -> None:
    browser.resize(width)

    def too_wide() -> Any:
        return browser(
            "return [...document.querySelectorAll('header *, main *, dialog[open] *')].filter(e => !e.closest("
            "'.unseen, .frames, svg') && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"
            ".concat(document.documentElement.scrollWidth > innerWidth ? ['page'] : [])"
        )

    choose(browser, 0, "keep")
    browser.one(".more").click()
    assert too_wide() == []
    browser.keys("e")
    assert too_wide() == []
    browser.keys(Keys.ESCAPE)
    browser.all(".open")[0].click()
    browser.keys("i", "f")
    assert browser.one(".panel").is_displayed()
    assert too_wide() == []


def test_nothing_is_fetched(browser: Browser, album: SimpleNamespace) -> None:
    browser.driver.get_log("performance")
    browser.driver.refresh()
    browser.all(".open")[0].click()
    browser.keys("f", "i", Keys.ARROW_RIGHT)
    messages = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    assert {address for address in asked if not address.startswith("data:")} == {album.file.as_uri()}


@pytest.mark.skipif(
    not AXE.is_file(), reason="needs axe-core (npm install axe-core, or its file in ALBUMSORT_TEST_AXE)"
)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_barrier(theme: str, browser: Browser) -> None:
    browser.prefer(prefers_color_scheme=theme, prefers_reduced_motion="reduce")
    browser(AXE.read_text(encoding="utf-8"))

    def barriers() -> list[str]:
        found = browser.driver.execute_async_script("const done = arguments[0]; axe.run().then(done)")
        assert len(found["passes"]) > 10
        serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in serious for node in one["nodes"]]

    assert barriers() == []
    browser.tab_to(".open")
    browser.keys(" ", Keys.ARROW_RIGHT, "x", "m")
    assert barriers() == []
    browser.keys("e")
    assert barriers() == []
    browser.keys(Keys.ESCAPE, "?")
    assert barriers() == []
    browser.keys(Keys.ESCAPE)
    browser.all(".open")[0].click()
    browser.keys("f", "i")
    assert browser.one(".panel").is_displayed()
    assert barriers() == []
