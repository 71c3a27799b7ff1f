"""The action `custom_code`."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.problems import Problem
from workflows import sandbox
from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Done, Failed
from workflows.actions.outside import (
    ErrorClass,
    Lane,
    OutsideType,
    Permanent,
    Prepared,
    Request,
    Retryable,
)
from workflows.actions.registry import registry
from workflows.actions.set_based import Unfit, rendered
from workflows.configs.fields import IntegerField, ListField, TemplateField, TextField
from workflows.configs.hints import Hint
from workflows.configs.scripts import NAME, NAME_HINT, ScriptField, VariablesField
from workflows.templating import RenderProblem, TemplateProblem

VARIABLES = ("contact", "trigger", "steps", "inputs")
OWN_RESULTS = ("output", "logs")
LONGEST_MS = 5000
MOST_MEGABYTES = 128
INPUT_LENGTH = 5000
MAXIMUM_INPUTS = 20
MAXIMUM_OUTPUTS = 20
TOO_LARGE = "What the code would be given has more than 1 MB; earlier steps or the trigger brought too much."
CODE = """\
const name = `${contact.first_name} ${contact.last_name}`.trim();
const domain = (contact.email.split("@")[1] ?? "").toLowerCase();
const free = ["gmail.com", "outlook.com", "yahoo.com"];

let score = Number(inputs.base);
if (contact.phone) score += 10;
if (domain && !free.includes(domain)) score += 25;
console.log("scored", name, score);

return { score, is_company: domain !== "" && !free.includes(domain) };
"""


@registry.register
class CustomCode(OutsideType):
    """Run JavaScript of your own.

    The code is the body of an async function in strict mode that returns an object. It sees `contact`, `trigger`,
    `steps` (the results of earlier steps by their keys) and `inputs`, all read-only, and can reach nothing else: no
    files, no network, no timers, no modules. What it returns is `steps.<key>.output`; names that `outputs` declares are
    `steps.<key>.<name>` as well, null where the code did not return them. A script that throws, or uses its memory up,
    fails as `rejected`; one that uses its time up as `timeout`; neither is tried again, as the same would happen.
    """

    slug = "custom_code"
    label = "Run custom code"
    category = Category.INTERNAL
    icon = "code"
    example = {"code": CODE, "inputs": {"base": "10"}, "outputs": ["score", "is_company"]}
    results = {
        "output": "The object that the code returned; 64 KB as JSON at most.",
        "logs": "What it wrote with `console.log`, ≤ 100 lines of ≤ 1000 characters, 16 KB together.",
    }
    lane = Lane.CODE
    honours_keys = True
    is_pure = True

    class Config(ActionConfig):
        hints = {
            "code": Hint(widget="code"),
            "timeout_ms": Hint(group="Limits"),
            "memory_limit_mb": Hint(group="Limits"),
        }

        code = ScriptField(
            names=VARIABLES,
            example=CODE,
            help_text=(
                "JavaScript, ≤ 20 KB: the body of an async function that ends with `return {…}`. It sees `contact`, "
                "`trigger`, `steps` and `inputs`, read-only, and `console.log`."
            ),
        )
        inputs = VariablesField(
            child=TemplateField(
                max_length=INPUT_LENGTH, allow_blank=True, help_text="The value, a text of ≤ 5000 characters."
            ),
            max_length=MAXIMUM_INPUTS,
            required=False,
            help_text="Texts that the code sees as `inputs.<name>`, ≤ 20, rendered first.",
        )
        outputs = ListField(
            child=TextField(max_length=50, help_text="A name in the returned object."),
            max_length=MAXIMUM_OUTPUTS,
            required=False,
            help_text="Names of the returned object that become `steps.<key>.<name>`, ≤ 20.",
        )
        timeout_ms = IntegerField(
            min_value=1, max_value=LONGEST_MS, default=LONGEST_MS, help_text="Milliseconds of work that it may take."
        )
        memory_limit_mb = IntegerField(
            min_value=1, max_value=MOST_MEGABYTES, default=MOST_MEGABYTES, help_text="Megabytes that it may use."
        )

        def validate_outputs(self, names: list[str]) -> list[str]:
            errors: dict[Any, Any] = {}
            for index, name in enumerate(names):
                if not NAME.fullmatch(name):
                    errors[index] = [ErrorDetail(NAME_HINT, code="invalid")]
                elif name in OWN_RESULTS:
                    errors[index] = [ErrorDetail(f"`{name}` is a result already.", code="unique")]
                elif name in names[:index]:
                    errors[index] = [ErrorDetail(f"`{name}` is named twice.", code="unique")]
            if errors:
                raise ValidationError(errors)
            return names

    def unready(self, config: Mapping[str, Any], *, account_id: UUID) -> Sequence[Problem]:
        problem = sandbox.problem()
        if problem is None:
            return ()
        detail = f"This server cannot run code safely, so it runs none. {problem} Its operators can mend that."
        return [Problem("sandbox_unavailable", detail, "code")]

    def prepare_many(self, steps: StepBatch) -> Sequence[Prepared]:
        prepared: list[Prepared] = []
        for step in steps:
            try:
                prepared.append(request_of(step, steps.config))
            except (Unfit, RenderProblem, TemplateProblem) as problem:
                prepared.append(Failed(ErrorClass.INVALID_CONFIG, str(problem)))
        return prepared

    def perform(self, payload: Mapping[str, Any], *, key: UUID) -> Done:
        limits = sandbox.Limits(timeout_ms=payload["timeout_ms"], memory_mb=payload["memory_mb"])
        try:
            result = sandbox.run(payload["code"], payload["given"], limits)
        except sandbox.Unavailable as unavailable:
            raise Retryable(ErrorClass.UNAVAILABLE, str(unavailable)) from unavailable
        except ValueError as error:
            raise Permanent(ErrorClass.INVALID_CONFIG, TOO_LARGE) from error
        logs = list(result.logs)
        if result.error is not None:
            raise failure_of(result.error, logs)
        shown = {"output": result.value, "logs": logs}
        return Done(shown, later=shown | {name: result.value.get(name) for name in payload["outputs"]})

    def summary(self, config: Mapping[str, Any]) -> str:
        lines = [line.strip() for line in config.get("code", "").splitlines()]
        return shortened(next((line.lstrip("/ ") for line in lines if line.lstrip("/ ")), ""))


def request_of(step: Step, config: Mapping[str, Any]) -> Request:
    """Return one contact's run. Raises Unfit, RenderProblem or TemplateProblem."""
    context = step.context()
    inputs = {
        name: rendered(step, source, field=f"inputs.{name}", limit=INPUT_LENGTH)
        for name, source in config.get("inputs", {}).items()
    }
    given = {
        "contact": dict(context["contact"]),
        "trigger": context["trigger"],
        "steps": context["steps"],
        "inputs": inputs,
    }
    run = {
        "code": config["code"],
        "given": given,
        "outputs": config.get("outputs", []),
        "timeout_ms": config["timeout_ms"],
        "memory_mb": config["memory_limit_mb"],
    }
    return Request(run, host=f"code:{sha256(config['code'].encode()).hexdigest()[:32]}", data={"inputs": inputs})


def failure_of(error: sandbox.ScriptError, logs: list[str]) -> Permanent | Retryable:
    """Return what a run without a value means for its step: only a busy machine is worth another try."""
    result = {"output": None, "logs": logs}
    match error.kind:
        case sandbox.ErrorKind.STARVED:
            return Retryable(ErrorClass.TIMEOUT, str(error), result=result)
        case sandbox.ErrorKind.TIME:
            return Permanent(ErrorClass.TIMEOUT, str(error), result=result)
    return Permanent(ErrorClass.REJECTED, str(error), result=result)
