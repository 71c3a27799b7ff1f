"""Fixtures for tests in a real browser: Chromium, a live server on loopback, signed-in people, and what may not happen.

A test opens pages by `browsing.open(user)` or takes `staff_page`, an editor's of `account`. It fails when a page logs
an error (a violation of the content security policy is one), raises an exception, is answered with a status of 400 or
more that the test does not name in `browsing.accept_status(…)`, fails to load something or asks another host for
anything. A failing test leaves a screenshot of each page below DATA_DIR/screenshots and names it in the report.

Playwright keeps an event loop running in the thread of the tests, which is why the browser lives only as long as the
tests of one module, and Django is told to bear it meanwhile. Code that runs a loop of its own goes through `apart()`.
"""

import contextlib
import os
import re
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, Role, User
from accounts.tests.factories import MembershipFactory, UserFactory
from config.tests.chromium import ARGUMENTS, MISSING, find_chromium

UNASKED = "/favicon.ico"  # Chromium wants it of answers that have no place to name an icon
PATIENCE_MS = 10_000
REFUSED_BY_STATUS = re.compile(r"^Failed to load resource: the server responded with a status of (\d+)")

T = TypeVar("T")


def apart(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Return what the function answers in a thread without an event loop: for ticks and whatever else runs one."""

    def call() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(call).result()


class Browsing:
    """The pages that one test opens, and what went wrong on them."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self.base_url = base_url
        self.problems: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._accepted: set[int] = set()

    def open(
        self,
        user: User | None = None,
        *,
        width: int = 1280,
        height: int = 900,
        colors: Literal["light", "dark"] = "light",
        has_javascript: bool = True,
    ) -> Page:
        """Return an empty page of a browser of its own, signed in as the user; `page.goto("/admin/")` goes on."""
        context = self._browser.new_context(
            base_url=self.base_url,
            viewport={"width": width, "height": height},
            color_scheme=colors,
            java_script_enabled=has_javascript,
            locale="en-US",
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._note(f"exception: {error.error}"))
        context.on("request", self._see_request)
        context.on("requestfailed", self._see_failure)
        context.on("response", self._see_response)
        if user is not None:
            client = Client()
            client.force_login(user)
            context.add_cookies(
                [{"name": name, "value": cookie.value, "url": self.base_url} for name, cookie in client.cookies.items()]
            )
        return context.new_page()

    def accept_status(self, *statuses: int) -> None:
        """Say that requests of this test may be answered with these statuses of 400 or more."""
        self._accepted.update(statuses)

    def pages(self) -> list[Page]:
        return [page for context in self._contexts for page in context.pages]

    def screenshots(self, name: str) -> list[Path]:
        """Take a picture of each page as it is, and return where they are."""
        folder = settings.DATA_DIR / "screenshots"
        stem = re.sub(r"[^\w.-]+", "-", name).strip("-")[-150:]
        paths = []
        for number, page in enumerate(self.pages(), start=1):
            paths.append(folder / f"{stem}-{number}.png")
            page.screenshot(path=paths[-1], full_page=True)
        return paths

    def settle(self) -> None:
        """Hear what the pages have said so far: a page answers in the order of what happened on it."""
        for page in self.pages():
            with contextlib.suppress(PlaywrightError):  # it is on its way to another address
                page.evaluate("0")

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _note(self, problem: str) -> None:
        self.problems.append(problem)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        address, refusal = message.location.get("url", ""), REFUSED_BY_STATUS.match(message.text)
        if refusal and (int(refusal[1]) in self._accepted or address.endswith(UNASKED)):
            return
        self._note(f"console: {message.text} ({address})")

    def _see_request(self, request: Request) -> None:
        if not request.url.startswith((self.base_url + "/", "data:", "blob:")):
            self._note(f"asks another host: {request.method} {request.url}")

    def _see_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left meanwhile, or the answer is a download
            self._note(f"fails to load: {request.method} {request.url}: {request.failure}")

    def _see_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._accepted:
            self._note(f"is answered {response.status}: {response.request.method} {response.url}")


def require_chromium() -> str:
    """Return the path of Chromium; without one the test is skipped, or fails where BROWSER_TESTS=required."""
    if path := find_chromium():
        return path
    if os.environ.get("BROWSER_TESTS") == "required":
        pytest.fail(MISSING, pytrace=False)
    pytest.skip(MISSING)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A Chromium without pages; tests take `browsing`."""
    path = require_chromium()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browsing(chromium: Browser, transactional_db: None, live_server: LiveServer) -> Iterator[Browsing]:
    """Opens pages of the running server; see the module's first lines for what makes the test fail."""
    browsing = Browsing(chromium, live_server.url)
    yield browsing
    browsing.close()


@pytest.fixture
def staff_user(transactional_db: None, account: Account) -> User:
    """An editor of `account` who may open the admin."""
    user = UserFactory(is_staff=True, name="Ada Editor")
    return MembershipFactory(account=account, role=Role.EDITOR, user=user).user


@pytest.fixture
def staff_page(browsing: Browsing, staff_user: User) -> Page:
    """A page of `staff_user`, nowhere yet."""
    return browsing.open(staff_user)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a test on whose pages something went wrong; keep a picture of each page of a test that fails."""
    browsing = pyfuncitem.funcargs.get("browsing")
    if not isinstance(browsing, Browsing):
        return (yield)
    try:
        answer = yield
        browsing.settle()
        assert browsing.problems == []
    except BaseException:
        paths = "\n".join(str(path) for path in browsing.screenshots(pyfuncitem.nodeid))
        pyfuncitem.add_report_section("call", "screenshots", paths)
        raise
    return answer
