"""Fields of a config that hold customers' code and what it is given."""

import re
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from workflows import sandbox
from workflows.configs.base import StrictConfig
from workflows.configs.fields import MappingField, TextField

NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,49}")
NAME_HINT = "Give a name as JavaScript has it: letters, digits and _, ≤ 50 characters, no digit first."
SHOWN_NAME_LENGTH = 100


class ScriptField(TextField):
    """JavaScript: the body of an async function that sees the variables `names`. Line breaks and blanks stay.

    Forms offer the `example`.
    """

    def __init__(self, *, names: tuple[str, ...], example: str, **options: Any) -> None:
        self.names = names
        self.example = example
        super().__init__(max_length=sandbox.CODE_BYTES, trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        if not code.strip():
            self.fail("blank")
        if len(code.encode("utf-8", "replace")) > sandbox.CODE_BYTES:
            raise ValidationError(f"A script has at most {sandbox.CODE_BYTES // 1024} KB.", code="max_length")
        try:
            error = sandbox.syntax_error(code, self.names)
        except sandbox.Unavailable:  # it is kept as it is; a workflow with it cannot be activated here
            return code
        if error is not None:
            raise ValidationError(str(error), code="invalid")
        return code


def scripts_in(config_class: type[StrictConfig], config: Mapping[str, Any]) -> dict[str, str]:
    """Return the code that a cleaned config holds, by the name of its field."""
    fields = config_class().fields
    return {name: config[name] for name, field in fields.items() if isinstance(field, ScriptField) and name in config}


class VariablesField(MappingField):
    """Values by the names under which a script sees them."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        unfit = [name for name in values if not NAME.fullmatch(name)]
        if unfit:
            raise ValidationError(
                {name[:SHOWN_NAME_LENGTH]: [ErrorDetail(NAME_HINT, code="invalid")] for name in unfit}
            )
        return values
