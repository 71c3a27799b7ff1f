"""Which column says what."""

import pytest

from workflows.crm.imports.columns import Column, read_header
from workflows.crm.imports.files import UnreadableFile
from workflows.crm.models import CustomField


def fills(*header: str, defined: tuple[CustomField, ...] = ()) -> list[tuple[str, str]]:
    return [(column.fills, column.argument) for column in read_header(header, defined).columns]


class TestReadHeader:
    @pytest.mark.parametrize(
        ("heading", "expected"),
        [
            ("email", ("email", "")),
            ("E-mail", ("email", "")),
            ("EMAIL ADDRESS", ("email", "")),
            ("First Name", ("first_name", "")),
            ("firstName", ("first_name", "")),
            ("first_name", ("first_name", "")),
            ("Last  Name", ("last_name", "")),
            ("name", ("name", "")),
            ("Mobile Number", ("phone", "")),
            ("Time Zone", ("timezone", "")),
            ("Tags", ("tags", "")),
            ("dnd", ("dnd", "")),
            ("id", ("external", "highlevel")),
            ("external_id", ("external", "import")),
            ("external_ids.My Shop", ("external", "My Shop")),
            ("address1", ("custom", "address")),
            ("companyName", ("custom", "company_name")),
            ("dateOfBirth", ("custom", "date_of_birth")),
            ("customFields", ("custom_fields", "")),
            ("custom_fields.score", ("custom", "score")),
            ("score", ("custom", "score")),
            ("Final Score", ("custom", "score")),
            ("assignedTo", ("", "")),
            ("shoe size", ("", "")),
            ("", ("", "")),
        ],
    )
    def test_knows(self, heading: str, expected: tuple[str, str]) -> None:
        defined = (CustomField(key="score", label="Final score", field_type="number"),)
        assert fills("phone", heading, defined=defined)[1] == expected

    def test_remarks_on_what_is_left_out(self) -> None:
        layout = read_header(["email", "shoe size", "assignedTo", "dateAdded", "", "attachments"], [])
        assert [remark.split(" was left out")[0] for remark in layout.remarks] == [
            "Column 'shoe size'",
            "Column 'assignedTo'",
        ]

    def test_defines_what_highlevel_has_and_we_do_not(self) -> None:
        defined = [CustomField(key="city", label="Town", field_type="text")]
        layout = read_header(["email", "city", "website", "dateOfBirth", "zip", "postalCode"], defined)
        assert [(field.key, field.field_type) for field in layout.new_fields] == [
            ("website", "url"),
            ("date_of_birth", "date"),
            ("postal_code", "text"),
        ]

    def test_names_every_column_once(self) -> None:
        layout = read_header(["email", "email", "", "name"], [])
        assert list(layout.headings) == ["email", "email (2)", "column 3", "name"]
        assert layout.columns[1] == Column("email", "email")

    def test_needs_a_column_that_says_who(self) -> None:
        with pytest.raises(UnreadableFile, match="email, phone or id"):
            read_header(["name", "city"], [])
