"""The browser tests' own fixtures: what they let pass, and what they fail a test for."""

from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings

from accounts.models import Account
from config.postgres.processes import wait_until
from config.tests import browser
from workflows.tests.factories import WorkflowFactory


class TestAPage:
    def test_is_signed_in(self, staff_page, staff_user):
        staff_page.goto("/admin/")
        assert staff_page.title().endswith("Followthrough")
        assert staff_page.get_by_text("Log in").count() == 0

    def test_is_nobodys_without_a_user(self, browsing):
        page = browsing.open()
        page.goto("/admin/")
        assert "/login/" in page.url

    def test_sees_what_the_test_wrote(self, staff_page, account):
        workflow = WorkflowFactory(account=account)
        staff_page.goto("/admin/workflows/workflow/")
        assert staff_page.get_by_role("link", name=workflow.name, exact=True).is_visible()

    def test_can_be_without_javascript(self, browsing, staff_user):
        page = browsing.open(staff_user, has_javascript=False)
        page.set_content("<noscript>plain</noscript>")
        assert page.get_by_text("plain").is_visible()


class TestProblems:
    """Each is noted; the test takes it back, else it would fail."""

    @pytest.fixture
    def page(self, browsing):
        page = browsing.open()
        page.goto("/livez")
        return page

    def taken_back(self, browsing, count=0):
        browsing.settle()
        page = browsing.pages()[0]
        assert wait_until(lambda: len(browsing.problems) >= count or page.wait_for_timeout(10), seconds=5)
        problems = [problem.replace(browsing.base_url, "") for problem in browsing.problems]
        browsing.problems.clear()
        return problems

    def test_errors_in_the_console(self, browsing, page):
        page.evaluate("console.error('broken')")
        page.evaluate("console.warn('fine')")
        assert self.taken_back(browsing) == ["console: broken ()"]

    def test_exceptions(self, browsing, page):
        page.evaluate("setTimeout(() => { throw new Error('broken') }, 0)")
        assert self.taken_back(browsing, 1) == ["exception: broken"]

    def test_statuses_nobody_expects(self, browsing, page):
        page.evaluate("fetch('/nowhere')")
        problems = self.taken_back(browsing, 2)
        assert problems[0] == "is answered 404: GET /nowhere"
        assert [problem[:7] for problem in problems[1:]] == ["console"]

    def test_but_no_statuses_that_are_accepted(self, browsing, page):
        browsing.accept_status(404)
        page.evaluate("fetch('/nowhere')")
        assert self.taken_back(browsing) == []

    @pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "localhost", "127.0.0.2"])
    def test_other_hosts(self, browsing, page, host):
        page.evaluate(f"fetch('http://{host}/', {{mode: 'no-cors'}}).catch(() => 0)")
        problems = self.taken_back(browsing, 2)
        assert problems[0] == f"asks another host: GET http://{host}/"
        assert "net::ERR_NAME_NOT_RESOLVED" in problems[1]

    def test_violations_of_the_content_security_policy(self, browsing):
        page = browsing.open()
        policy = {"Content-Security-Policy": "default-src 'self'"}
        body = "<p onclick='1'>Text</p><script>1</script>"
        page.route("**/livez", lambda route: route.fulfill(body=body, headers=policy, content_type="text/html"))
        page.goto("/livez")
        problems = self.taken_back(browsing)
        assert problems
        assert all("Content Security Policy" in problem for problem in problems)

    def test_leave_a_picture(self, browsing, page):
        (path,) = browsing.screenshots("a/b::c[d e]")
        assert path == settings.DATA_DIR / "screenshots" / "a-b-c-d-e-1.png"
        assert path.read_bytes()[1:4] == b"PNG"


class TestATest:
    def test_fails_for_what_went_wrong_on_its_page_and_leaves_a_picture(self, browsing, staff_page, request):
        staff_page.goto("/admin/")
        staff_page.evaluate("console.error('broken')")
        test = browser.pytest_pyfunc_call(request.node)
        next(test)
        with pytest.raises(AssertionError, match="console: broken"):
            test.send(True)
        (_, title, path) = request.node._report_sections.pop()
        assert (title, Path(path).is_file()) == ("screenshots", True)
        browsing.problems.clear()


class TestApart:
    def test_runs_without_an_event_loop(self, browsing, account):
        async def count():
            return 7

        def ask():
            return async_to_sync(count)(), Account.objects.count()

        with pytest.raises(RuntimeError):
            ask()
        assert browser.apart(ask) == (7, 1)


class TestMissingChromium:
    @pytest.fixture(autouse=True)
    def _no_chromium(self, monkeypatch):
        monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")

    def test_skips(self, monkeypatch):
        monkeypatch.delenv("BROWSER_TESTS", raising=False)
        with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
            browser.require_chromium()

    def test_fails_where_it_is_required(self, monkeypatch):
        monkeypatch.setenv("BROWSER_TESTS", "required")
        with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
            browser.require_chromium()
