"""Kinds of actions and triggers over HTTP."""

import json

import pytest

from workflows.actions.registry import registry

pytestmark = pytest.mark.django_db

ACTION_TYPES = "/api/v1/action-types"
TRIGGER_TYPES = "/api/v1/trigger-types"


class TestActionTypes:
    def test_are_listed_by_category(self, viewer_api):
        body = viewer_api.get(ACTION_TYPES).json()
        assert [item["slug"] for item in body["items"]] == [kind.slug for kind in registry]
        assert (body["total"], body["has_more"]) == (len(registry), False)

    def test_are_shown_as_the_contract_says(self, viewer_api):
        response = viewer_api.get(f"{ACTION_TYPES}/add_tag")
        assert response.status_code == 200
        body = response.json()
        assert body.keys() == {
            "slug", "category", "label", "description", "icon", "schema", "example", "results", "events", "traits",
        }  # fmt: skip
        assert (body["slug"], body["category"], body["label"]) == ("add_tag", "crm", "Add tag")
        assert body["description"].startswith("Add a tag to the contact")
        assert body["example"] == {"tag_name": "VIP"}
        assert body["traits"] == {"sends_message": False, "has_branches": False, "waits": False}
        assert body["schema"]["required"] == ["tag_name"]
        assert body["schema"]["additionalProperties"] is False
        assert body["schema"]["properties"]["tag_name"] == {
            "type": "string",
            "format": "liquid",
            "x-rendered-max-length": 50,
            "description": "Name of the tag, 1–50 characters when rendered.",
        }

    def test_can_be_narrowed_to_a_category(self, viewer_api):
        body = viewer_api.get(ACTION_TYPES, {"category": "timing"}).json()
        assert [item["slug"] for item in body["items"]] == [kind.slug for kind in registry if kind.category == "timing"]

    def test_come_in_pages(self, viewer_api):
        body = viewer_api.get(ACTION_TYPES, {"limit": 2, "offset": 1}).json()
        assert len(body["items"]) == 2
        assert body["has_more"] is True

    @pytest.mark.parametrize("query", [{"category": "magic"}, {"kategory": "crm"}, {"limit": "0"}])
    def test_refuse_filters_that_make_no_sense(self, viewer_api, query):
        response = viewer_api.get(ACTION_TYPES, query)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "invalid_filter")

    @pytest.mark.parametrize("slug", ["send_pigeon", "manual", "%00", "add_tag%20"])
    def test_are_missing_under_other_names(self, viewer_api, slug):
        response = viewer_api.get(f"{ACTION_TYPES}/{slug}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (404, "not_found")

    def test_need_a_credential(self, client):
        assert client.get(ACTION_TYPES).status_code == 401

    def test_cannot_be_written(self, admin_api):
        assert admin_api.post(ACTION_TYPES, {}, format="json").status_code == 405


class TestTriggerTypes:
    def test_are_listed(self, viewer_api):
        body = viewer_api.get(TRIGGER_TYPES).json()
        assert [item["slug"] for item in body["items"]] == ["manual"]

    def test_are_shown_with_their_settings(self, viewer_api):
        body = viewer_api.get(f"{TRIGGER_TYPES}/manual").json()
        assert body.keys() == {"slug", "label", "description", "icon", "event_type", "schema", "example"}
        assert body["schema"] == {"type": "object", "properties": {}, "additionalProperties": False}
        assert (body["event_type"], body["example"]) == (None, {})

    def test_are_missing_under_other_names(self, viewer_api):
        assert viewer_api.get(f"{TRIGGER_TYPES}/add_tag").status_code == 404


class TestOpenAPI:
    @pytest.fixture
    def components(self, client):
        response = client.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
        return json.loads(response.content)["components"]["schemas"]

    @pytest.mark.parametrize("name", ["Action", "NewActionRequest"])
    def test_shows_an_actions_config_as_the_one_of_its_type(self, components, name):
        assert components[name]["oneOf"][[kind.slug for kind in registry].index("wait_time")] == {
            "title": "Wait",
            "properties": {
                "action_type": {"type": "string", "allOf": [{"enum": ["wait_time"]}]},
                "action_config": {"$ref": "#/components/schemas/WaitTimeConfig"},
            },
        }
        assert len(components[name]["oneOf"]) == len(registry)
        assert components["ActionTypeEnum"]["enum"] == [kind.slug for kind in registry]

    def test_shows_configs_with_their_examples(self, components):
        assert components["AddTagConfig"]["required"] == ["tag_name"]
        for kind in registry:
            assert components[f"{type(kind).__name__}Config"]["example"] == kind.example

    def test_shows_a_triggers_settings_as_those_of_its_type(self, components):
        for name in ("Trigger", "NewTriggerRequest"):
            references = [variant["properties"]["settings"]["$ref"] for variant in components[name]["oneOf"]]
            assert "#/components/schemas/ManualSettings" in references

    def test_says_that_bodies_take_no_other_keys(self, components):
        assert components["NewActionRequest"]["additionalProperties"] is False
        assert components["TagInputRequest"]["additionalProperties"] is False
        assert "additionalProperties" not in components["Tag"]

    def test_says_that_lists_may_not_be_empty(self, components):
        assert components["ActionReorderRequest"]["properties"]["action_positions"]["minProperties"] == 1
