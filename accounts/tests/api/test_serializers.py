from decimal import Decimal
from typing import Any

import pytest
from rest_framework import serializers

from accounts.api.serializers import AccountRelatedField, NoInput, StrictSerializer
from accounts.models import Account, Team
from accounts.tests.factories import TeamFactory


class Inner(StrictSerializer):
    size = serializers.IntegerField()


class Everything(StrictSerializer):
    text = serializers.CharField(required=False)
    number = serializers.IntegerField(required=False, min_value=0)
    amount = serializers.DecimalField(max_digits=8, decimal_places=2, required=False)
    ratio = serializers.FloatField(required=False)
    is_on = serializers.BooleanField(required=False)
    color = serializers.ChoiceField(choices=["red", "green"], required=False)
    identifier = serializers.UUIDField(required=False)
    at = serializers.DateTimeField(required=False)
    texts = serializers.ListField(child=serializers.CharField(), required=False)
    flags = serializers.DictField(child=serializers.BooleanField(), required=False)
    inner = Inner(required=False)
    inners = Inner(many=True, required=False)
    made_at = serializers.DateTimeField(read_only=True)


def codes(data: Any) -> Any:
    serializer = Everything(data=data)
    serializer.is_valid()
    return serializer.errors


class TestStrictSerializer:
    @pytest.mark.parametrize(
        ("field", "value", "detail", "code"),
        [
            ("text", 5, "Must be a text, not a whole number.", "invalid"),
            ("text", True, "Must be a text, not true or false.", "invalid"),
            ("number", True, "Must be a whole number, not true or false.", "invalid"),
            ("number", "5", "Must be a whole number, not a text.", "invalid"),
            ("number", 5.0, "Must be a whole number, not a number.", "invalid"),
            ("amount", True, "Must be a number, not true or false.", "invalid"),
            ("ratio", "0.5", "Must be a number, not a text.", "invalid"),
            ("is_on", 1, "Must be true or false, not a whole number.", "invalid"),
            ("is_on", "true", "Must be true or false, not a text.", "invalid"),
            ("color", 1, "Must be a text, not a whole number.", "invalid_choice"),
            ("identifier", 5, "Must be a text, not a whole number.", "invalid"),
            ("at", 5, "Must be a text, not a whole number.", "invalid"),
            ("inner", [], "Must be an object, not a list.", "invalid"),
            ("inners", {}, "Must be a list, not an object.", "invalid"),
        ],
    )
    def test_converts_no_type_into_another(self, field: str, value: object, detail: str, code: str) -> None:
        (error,) = codes({field: value})[field]
        assert (str(error), error.code) == (detail, code)

    def test_looks_into_lists_and_maps(self) -> None:
        errors = codes({"texts": ["a", 1], "flags": {"x": True, "y": 0}, "inners": [{"size": 1}, {"size": "1"}]})
        assert errors["texts"] == {1: ["Must be a text, not a whole number."]}
        assert errors["flags"] == {"y": ["Must be true or false, not a whole number."]}
        assert errors["inners"] == {1: {"size": ["Must be a whole number, not a text."]}}
        assert codes({"inners": [{"size": 1}, 5]})["inners"] == {1: ["Must be an object, not a whole number."]}

    def test_takes_values_of_the_right_type(self) -> None:
        serializer = Everything(data={"text": "a", "number": 1, "amount": 1.5, "ratio": 1, "is_on": False})
        assert serializer.is_valid()
        assert serializer.validated_data == {
            "text": "a",
            "number": 1,
            "amount": Decimal("1.50"),
            "ratio": 1.0,
            "is_on": False,
        }

    def test_refuses_unknown_keys_with_a_guess(self) -> None:
        errors = codes({"txt": "a", "zzz": 1, "inner": {"size": 1, "sizes": 2}})
        assert [(str(error), error.code) for error in errors["txt"]] == [
            ("There is no field txt; did you mean text?", "unknown_field")
        ]
        assert [(str(error), error.code) for error in errors["zzz"]] == [("There is no field zzz.", "unknown_field")]
        assert errors["inner"]["sizes"][0].code == "unknown_field"

    def test_refuses_what_can_only_be_read(self) -> None:
        (error,) = codes({"made_at": "2030-01-01T00:00:00Z"})["made_at"]
        assert (str(error), error.code) == ("made_at cannot be set here.", "unknown_field")

    def test_reports_everything_at_once(self) -> None:
        assert set(codes({"text": 1, "number": -1, "zzz": 1})) == {"text", "number", "zzz"}

    @pytest.mark.parametrize("data", [[], "a", 1, None, True])
    def test_refuses_what_is_no_object(self, data: object) -> None:
        assert not Everything(data=data).is_valid()

    def test_takes_nothing_where_nothing_is_due(self) -> None:
        assert NoInput(data={}).is_valid()
        assert not NoInput(data={"force": True}).is_valid()


class WithTeam(serializers.Serializer):
    team_id = AccountRelatedField(queryset_for=Team.objects.for_account, code="team_not_found", source="team")


class TestAccountRelatedField:
    def test_gives_the_row_of_the_account(self, account: Account) -> None:
        team = TeamFactory(account=account)
        serializer = WithTeam(data={"team_id": str(team.id)}, context={"account_id": account.id})
        assert serializer.is_valid()
        assert serializer.validated_data == {"team": team}

    def test_knows_a_foreign_row_no_more_than_a_missing_one(self, account: Account, other_account: Account) -> None:
        foreign = TeamFactory(account=other_account).id
        seen = []
        for identifier in (foreign, "00000000-0000-0000-0000-000000000000"):
            serializer = WithTeam(data={"team_id": str(identifier)}, context={"account_id": account.id})
            assert not serializer.is_valid()
            seen.append([(str(error), error.code) for error in serializer.errors["team_id"]])
        assert seen == [[("There is no such team in this account.", "team_not_found")]] * 2

    @pytest.mark.parametrize("value", ["", "x", 5, True, [], {}, "urn:uuid:00000000-0000-0000-0000-000000000000"])
    def test_refuses_what_is_no_id(self, value: object, account: Account) -> None:
        serializer = WithTeam(data={"team_id": value}, context={"account_id": account.id})
        assert not serializer.is_valid()
        assert serializer.errors["team_id"][0].code == "invalid"

    def test_shows_the_id(self, account: Account) -> None:
        team = TeamFactory(account=account)
        assert WithTeam({"team": team}).data == {"team_id": str(team.id)}
