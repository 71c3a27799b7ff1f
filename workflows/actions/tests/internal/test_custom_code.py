"""Customers' code as a step: saved, run for a contact, tried, and seen by the steps behind it."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.conf import settings
from uuid_utils.compat import uuid7

from workflows import sandbox
from workflows.actions.outcomes import Done, Failed
from workflows.actions.outside import ErrorClass, Permanent, Request, Retryable
from workflows.actions.registry import registry
from workflows.actions.tests.batches import batch_of, problems, refusals
from workflows.crm.tests.factories import ContactFactory

pytestmark = pytest.mark.django_db

KIND = registry.get("custom_code")
DOC = Path(settings.BASE_DIR) / "docs" / "custom-code.md"
RECIPE = re.compile(
    r"^### (?P<title>.+?)$.*?^```js\n(?P<code>.+?)^```$"
    r".*?^```json\n(?P<given>.+?)^```$.*?^```json\n(?P<returned>.+?)^```$",
    re.MULTILINE | re.DOTALL,
)
RECIPES = {found["title"]: found for found in RECIPE.finditer(DOC.read_text())}


@pytest.fixture
def contact(account: Any) -> Any:
    return ContactFactory(
        account=account,
        first_name="Ada",
        last_name="Lovelace",
        email="ada@analytical.example",
        custom_fields={"size": 12, "langs": ["en"]},
    )


def prepare(contacts: Any, *, trigger: Any = None, results: Any = None, **config: Any) -> list[Any]:
    cleaned = KIND.clean_config(config, account_id=contacts[0].account_id)
    steps = batch_of(contacts, KIND.complete_config(cleaned), trigger=trigger, results=results)
    return list(KIND.prepare_many(steps))


def call(contact: Any, code: str, **options: Any) -> Done:
    (request,) = prepare([contact], code=code, **options)
    assert isinstance(request, Request), request
    outcome = KIND.perform(orjson.loads(orjson.dumps(request.payload)), key=uuid7())
    assert isinstance(outcome, Done)
    return outcome


def failure(contact: Any, code: str, **options: Any) -> Any:
    with pytest.raises((Permanent, Retryable)) as failed:
        call(contact, code, **options)
    return failed.value


class TestTheConfig:
    @pytest.mark.parametrize(
        ("config", "refused"),
        [
            ({"code": ""}, [("blank", "code")]),
            ({"code": " \n\t"}, [("blank", "code")]),
            ({"code": "return {}" + " " * 20480}, [("max_length", "code")]),
            ({"code": "// " + "∑" * 7000}, [("max_length", "code")]),
            ({"code": "return {", "timeout_ms": 0}, [("invalid", "code"), ("min_value", "timeout_ms")]),
            ({"code": "return {}", "timeout_ms": 5001}, [("max_value", "timeout_ms")]),
            ({"code": "return {}", "memory_limit_mb": 129}, [("max_value", "memory_limit_mb")]),
            ({"code": "return {}", "inputs": {"not ok": "x"}}, [("invalid", "inputs.not ok")]),
            ({"code": "return {}", "inputs": {"x": "{{ nobody }}"}}, [("invalid_template", "inputs.x")]),
            ({"code": "return {}", "inputs": {f"x{n}": "" for n in range(21)}}, [("max_length", "inputs")]),
            ({"code": "return {}", "outputs": ["ok", "not ok"]}, [("invalid", "outputs.1")]),
            ({"code": "return {}", "outputs": ["logs", "x", "x"]}, [("unique", "outputs.0"), ("unique", "outputs.2")]),
            ({"code": "return {}", "outputs": ["x"] * 21}, [("max_length", "outputs")]),
            ({}, [("required", "code")]),
        ],
    )
    def test_is_checked(self, config, refused, account):
        assert refusals("custom_code", config, account.id) == refused

    def test_names_line_and_column_of_a_mistake(self, account):
        (problem,) = problems("custom_code", {"code": "const a = 1;\nreturn {a:};"}, account.id)
        assert (problem.code, problem.attr) == ("invalid", "code")
        assert re.fullmatch(r"Line 2, column 11: unexpected token.*", problem.detail)

    @pytest.mark.parametrize("name", ["contact", "trigger", "steps", "inputs"])
    def test_keeps_names_from_being_taken(self, name, account):
        assert refusals("custom_code", {"code": f"const {name} = 1; return {{}};"}, account.id) == [("invalid", "code")]

    def test_keeps_the_code_as_it_was_written(self, account):
        code = "\n  // first\n\treturn {};\n\n"
        assert KIND.clean_config({"code": code}, account_id=account.id) == {"code": code}

    def test_is_kept_unparsed_where_nothing_can_be_run(self, account, monkeypatch):
        def syntax_error(code: str, names: Any) -> None:
            raise sandbox.Unavailable("no")

        monkeypatch.setattr(sandbox, "syntax_error", syntax_error)
        assert refusals("custom_code", {"code": "return {"}, account.id) == []

    def test_cannot_be_activated_where_nothing_can_be_run(self, account, monkeypatch):
        assert KIND.unready({}, account_id=account.id) == ()
        monkeypatch.setattr(sandbox, "problem", lambda: "libseccomp is missing.")
        (problem,) = KIND.unready({}, account_id=account.id)
        assert (problem.code, problem.attr) == ("sandbox_unavailable", "code")
        assert "libseccomp is missing." in problem.detail

    def test_is_shown_by_its_first_words(self):
        assert KIND.summary({"code": "\n\n  // Score the lead\nreturn {};"}) == "Score the lead"
        assert KIND.summary({}) == ""


class TestTheCode:
    def test_sees_the_contact_the_trigger_the_steps_and_its_inputs(self, contact):
        done = call(
            contact,
            "return {name: contact.name, size: contact.custom_fields.size, owner: contact.owner.name,"
            " tags: contact.tags, id: contact.id, page: trigger.page, sent: steps.send_email.to, half: inputs.half};",
            trigger={"page": "/pricing"},
            results={"send_email": {"to": "a@b.example"}},
            inputs={"half": "{{ contact.custom_fields.size | divided_by: 2 }}"},
        )
        assert done.result == {
            "output": {
                "name": "Ada Lovelace",
                "size": 12,
                "owner": "",
                "tags": [],
                "id": str(contact.id),
                "page": "/pricing",
                "sent": "a@b.example",
                "half": "6",
            },
            "logs": [],
        }

    @pytest.mark.parametrize(
        "change",
        [
            "contact.first_name = 'x'",
            "contact.custom_fields.langs.push('x')",
            "delete trigger.page",
            "steps.x = 1",
            "inputs.x = 1",
        ],
    )
    def test_changes_nothing_it_is_given(self, change, contact):
        failed = failure(contact, f"console.log('before'); {change}; return {{}};", trigger={"page": "/"})
        assert (failed.error_class, failed.result) == (ErrorClass.REJECTED, {"output": None, "logs": ["before"]})
        assert failed.message.startswith("Line 1: TypeError: ")

    def test_hands_declared_names_to_later_steps(self, contact):
        done = call(contact, "console.log(1); return {score: 7, other: 1};", outputs=["score", "missing"])
        assert done.result == {"output": {"score": 7, "other": 1}, "logs": ["1"]}
        assert done.later == {"output": {"score": 7, "other": 1}, "logs": ["1"], "score": 7, "missing": None}

    @pytest.mark.parametrize(
        ("code", "error_class", "message"),
        [
            ("let a;\na.b()", "rejected", "Line 2: TypeError: cannot read property 'b' of undefined"),
            ("return 1", "rejected", "The code must return an object, such as `return {score: 10}`; it returned 1."),
            ("const a = []; for (;;) a.push([1])", "rejected", "The code needs more than 8 MB of memory."),
            ("for (;;);", "timeout", "The code was still running after 150 ms."),
        ],
    )
    def test_fails_for_good_by_itself(self, code, error_class, message, contact):
        failed = failure(contact, code, timeout_ms=150, memory_limit_mb=8)
        assert isinstance(failed, Permanent)
        assert (failed.error_class, failed.message) == (error_class, message)

    def test_is_tried_again_when_the_machine_was_too_busy(self, contact, monkeypatch):
        error = sandbox.ScriptError(sandbox.ErrorKind.STARVED, "busy")
        monkeypatch.setattr(sandbox, "run", lambda *arguments: sandbox.Result(error=error))
        failed = failure(contact, "return {}")
        assert (type(failed), failed.error_class) == (Retryable, ErrorClass.TIMEOUT)

    def test_is_tried_again_when_the_sandbox_is_gone(self, contact, monkeypatch):
        def run(*arguments: Any) -> None:
            raise sandbox.Unavailable("no process")

        monkeypatch.setattr(sandbox, "run", run)
        failed = failure(contact, "return {}")
        assert (type(failed), failed.error_class, failed.message) == (Retryable, ErrorClass.UNAVAILABLE, "no process")

    def test_is_refused_more_than_it_may_be_given(self, contact):
        failed = failure(contact, "return {}", results={"step": {"text": "x" * 2**20}})
        assert (type(failed), failed.error_class) == (Permanent, ErrorClass.INVALID_CONFIG)

    def test_fails_alone_when_an_input_cannot_be_rendered(self, contact, account):
        other = ContactFactory(account=account, first_name="x" * 100, custom_fields={"n": 60})
        spread = "{% for i in (1..contact.custom_fields.n) %}{{ contact.first_name }}{% endfor %}"
        first, second = prepare([contact, other], code="return {}", inputs={"x": spread})
        assert isinstance(first, Request)
        assert (type(second), second.message) == (
            Failed,
            "inputs.x has 6000 characters after rendering; 5000 fit.",
        )

    def test_shows_its_inputs_and_shares_a_host_with_equal_code_alone(self, contact):
        first, second, third = (
            prepare([contact], code=code, inputs={"x": "{{ contact.first_name }}"})[0]
            for code in ("return {}", "return {}", "return {a: 1}")
        )
        assert first.data == {"inputs": {"x": "Ada"}}
        assert first.host == second.host != third.host

    def test_asks_the_database_nothing(self, contact, account, django_assert_num_queries):
        steps = batch_of(
            [contact, ContactFactory(account=account)], KIND.complete_config({"code": "return {}"}), results={}
        )
        with django_assert_num_queries(0):
            KIND.prepare_many(steps)


class TestTheRecipes:
    def test_are_five(self):
        assert len(RECIPES) == 5

    @pytest.mark.parametrize("title", RECIPES)
    def test_return_what_the_page_says(self, title, account):
        recipe = RECIPES[title]
        assert refusals("custom_code", {"code": recipe["code"]}, account.id) == []
        given = {"contact": {}, "trigger": {}, "steps": {}, "inputs": {}} | orjson.loads(recipe["given"])
        result = sandbox.run(recipe["code"], given)
        assert result.error is None
        assert result.value == orjson.loads(recipe["returned"])
