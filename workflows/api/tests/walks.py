"""How each action type is walked over HTTP: its least and its fullest config, and where what it did is read back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from django.core.files.uploadedfile import SimpleUploadedFile

from workflows.messaging.tests.sounds import wave

Config = dict[str, Any]
Json = Any
V1 = "/api/v1"
PAGE, PERSON = "104270000000001", "2001"
"""At Meta."""


class Answer(Protocol):
    """What a client returns."""

    status_code: int
    content: bytes

    def json(self) -> Json: ...


class Client(Protocol):
    """Makes JSON requests for the owner of an account."""

    def get(self, path: str, data: Mapping[str, Any] | None = None) -> Answer: ...

    def post(self, path: str, data: Mapping[str, Any], *, format: str = ...) -> Answer: ...  # noqa: A002 - its name


class World:
    """An account with one of everything that configs name, each made over HTTP when it is asked for."""

    def __init__(self, client: Client, *, mail_server: Mapping[str, Any], hook: str) -> None:
        self.client = client
        self.hook = hook
        connection = self.post("/connections", kind="smtp", name="Office", settings=dict(mail_server))
        self.connection_id: str = connection["id"]
        self.contact_id: str = self.contact()["id"]

    def contact(self) -> Json:
        for key, kind in (("score", "number"), ("renewal", "date")):
            self.post("/custom-fields", key=key, label=key.capitalize(), field_type=kind)
        return self.post(
            "/contacts",
            first_name="Ada",
            email="ada@example.com",
            phone="+14155550100",
            timezone="America/Los_Angeles",
            owner_id=self.user_id,
            tags=["Old"],
            custom_fields={"score": 1, "renewal": "2020-02-29"},
            external_ids={f"messenger:{PAGE}": PERSON},
        )

    @cached_property
    def member(self) -> Json:
        return self.get("/members")["items"][0]

    @property
    def user_id(self) -> str:
        return self.member["user_id"]

    @cached_property
    def team_id(self) -> str:
        return self.post("/teams", name="Sellers", member_ids=[self.member["id"]])["id"]

    @cached_property
    def sms_number(self) -> str:
        """A number of an account at Twilio, which is the postbox."""
        number = {"number": "+14155550199", "types": ["sms"]}
        settings = {"account_sid": "AC" + "0a" * 16, "api_host": "postbox.test", "numbers": [number]}
        self.post("/connections", kind="twilio", name="SMS", settings=settings, password="auth token")
        return "+14155550199"

    @cached_property
    def page_id(self) -> str:
        """A Facebook page, which is the postbox's, and which the contact has written to."""
        settings = {"page_id": PAGE, "api_host": "postbox.test"}
        made = self.post("/connections", kind="messenger", name="Page", settings=settings, password="page token")
        return made["id"]

    @cached_property
    def calling_number(self) -> str:
        """A number that calls, of an account at Twilio, which is the postbox; nobody picks up where it calls."""
        number = {"number": "+14155550198", "types": ["voice"]}
        settings = {"account_sid": "AC" + "0b" * 16, "api_host": "postbox.test", "numbers": [number]}
        self.post("/connections", kind="twilio", name="Calls", settings=settings, password="auth token")
        return "+14155550198"

    @cached_property
    def audio_id(self) -> str:
        upload = {"file": SimpleUploadedFile("hello.wav", wave())}
        answer = self.client.post(f"{V1}/media", upload, format="multipart")
        assert answer.status_code == 201, answer.content
        return answer.json()["id"]

    @cached_property
    def template_id(self) -> str:
        return self.post("/email-templates", name="Hello", body_text="Hello")["id"]

    @cached_property
    def pipeline(self) -> Json:
        stages = [{"name": "Talk"}, {"name": "Offer"}, {"name": "Won", "kind": "won"}]
        return self.post("/pipelines", name="Sales", stages=stages)

    @property
    def stage_ids(self) -> list[str]:
        return [stage["id"] for stage in self.pipeline["stages"]]

    @cached_property
    def course_id(self) -> str:
        return self.post("/courses", name="Riding", sender_email="ada@acme.example")["id"]

    @cached_property
    def other(self) -> tuple[str, str]:
        """The id of another workflow, which is active and begins with a wait, and the id of that step."""
        workflow_id = self.post("/workflows", name="Other")["id"]
        wait = {"action_type": "wait_time", "action_config": {"duration": 1, "unit": "weeks"}}
        step_id = self.post(f"/workflows/{workflow_id}/actions", **wait)["id"]
        self.post(f"/workflows/{workflow_id}/activate", expected=200)
        return workflow_id, step_id

    @cached_property
    def campaign_id(self) -> str:
        return self.post("/campaigns", name="Spring", status="active", workflow_id=self.other[0])["id"]

    def get(self, path: str, **query: Any) -> Json:
        answer = self.client.get(f"{V1}{path}", query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path: str, *, expected: int = 201, **body: Any) -> Json:
        answer = self.client.post(f"{V1}{path}", body)
        assert answer.status_code == expected, answer.content
        return answer.json()


@dataclass(frozen=True, kw_only=True)
class Walk:
    """How one type is taken by the world's contact.

    `before` are steps that are taken first. `fullest` holds all fields but those in `apart`, which cannot stand beside
    the others. `status` is that of its log row, `result` a part of its result; `read` looks at what it left, and gets
    the world and the row.
    """

    least: Callable[[World], Config]
    fullest: Callable[[World], Config]
    apart: Sequence[str] = ()
    before: Callable[[World], Sequence[tuple[str, Config]]] = lambda world: ()
    status: str = "completed"
    result: Mapping[str, Any]
    events: Sequence[str] = ()
    read: Callable[[World, Json], None] = lambda world, row: None


def contact_of(world: World) -> Json:
    return world.get(f"/contacts/{world.contact_id}")


def read_tag(world: World, row: Json) -> None:
    tags = world.get(f"/contacts/{world.contact_id}/tags")["items"]
    assert {"Ada VIP": "#AA00FF"}.items() <= {tag["name"]: tag["color"] for tag in tags}.items()


def read_tag_gone(world: World, row: Json) -> None:
    assert "Old" not in [tag["name"] for tag in world.get(f"/contacts/{world.contact_id}/tags")["items"]]


def read_note(world: World, row: Json) -> None:
    note = world.get(f"/contacts/{world.contact_id}/notes")["items"][0]
    assert (note["id"], note["content"], note["note_type"]) == (row["result_data"]["note_id"], "Seen Ada", "system")


def read_task(world: World, row: Json) -> None:
    task = world.get(f"/tasks/{row['result_data']['task_id']}")
    assert (task["title"], task["description"], task["priority"]) == ("Call Ada", "Today", "high")
    assert (task["assignee_id"], task["contact_id"]) == (world.user_id, world.contact_id)


def read_created_contact(world: World, row: Json) -> None:
    made = world.get(f"/contacts/{row['result_data']['contact_id']}")
    assert (made["first_name"], made["last_name"], made["email"]) == ("Friend", "of Ada", "friend@example.com")
    assert (made["phone"], made["custom_fields"]["score"]) == ("+14155550101", 7)
    assert made["tags"] == ["Friend"]


def read_updated_contact(world: World, row: Json) -> None:
    contact = contact_of(world)
    assert (contact["last_name"], contact["custom_fields"]["score"]) == ("Lovelace", 3)


def read_owner(world: World, row: Json) -> None:
    assert contact_of(world)["owner_id"] == world.user_id


def read_member(world: World, row: Json) -> None:
    member = world.get(f"/campaigns/{world.campaign_id}/members/{row['result_data']['member_id']}")
    assert (member["contact_id"], member["left_at"]) == (world.contact_id, None)
    run = world.get(f"/executions/{member['execution_id']}")
    assert (run["workflow_id"], run["enrollment_source"]) == (world.other[0], "campaign")


def read_member_gone(world: World, row: Json) -> None:
    member = world.get(f"/campaigns/{world.campaign_id}/members", contact_id=world.contact_id)["items"][0]
    assert (member["left_reason"], member["note"]) == ("removed", "Bought")
    run = world.get(f"/executions/{member['execution_id']}")
    assert (run["status"], run["completion_reason"]) == ("cancelled", "removed_from_campaign")


def read_opportunity(world: World, row: Json) -> None:
    deal = world.get(f"/opportunities/{row['result_data']['opportunity_id']}")
    assert (deal["name"], deal["value"], deal["currency"]) == ("Order of Ada", 12.5, "EUR")
    assert (deal["stage_id"], deal["contact_id"], deal["status"]) == (world.stage_ids[1], world.contact_id, "open")


def read_moved(world: World, row: Json) -> None:
    deal = world.get(f"/opportunities/{row['result_data']['opportunity_id']}")
    assert (deal["stage_id"], deal["status"]) == (world.stage_ids[2], "won")
    assert [entry["stage_id"] for entry in deal["history"]][-1] == world.stage_ids[2]


def read_notification(world: World, row: Json) -> None:
    told = [item for item in world.get("/notifications")["items"] if item["title"] == "Ada waits"]
    assert [item["message"] for item in told] == ["Call +14155550100"]


def read_access(world: World, row: Json) -> None:
    access = world.get(f"/courses/{world.course_id}/access/{row['result_data']['access_id']}")
    assert (access["level"], access["status"], access["drip_content"]) == ("limited", "active", False)
    assert access["expires_at"] == row["result_data"]["expires_at"].replace("+00:00", "Z")
    message = world.get(f"/messages/{row['result_data']['message_id']}")
    assert (message["channel"], message["status"]) == ("email", "sent")


def read_access_gone(world: World, row: Json) -> None:
    access = world.get(f"/courses/{world.course_id}/access/{row['result_data']['access_id']}")
    assert (access["status"], access["end_reason"]) == ("revoked", "Refunded")


def read_consents(world: World, row: Json) -> None:
    consents = world.get(f"/contacts/{world.contact_id}/consents")["items"]
    said = {consent["channel"]: (consent["state"], consent["evidence"]) for consent in consents}
    assert said == dict.fromkeys(("sms", "voice", "messenger"), ("opt_out", "Ada said so"))


def read_started(world: World, row: Json) -> None:
    run = world.get(f"/executions/{row['result_data']['execution_id']}")
    assert (run["workflow_id"], run["contact_id"]) == (world.other[0], world.contact_id)
    assert (run["status"], run["enrollment_source"]) == ("waiting", "start_workflow")


def read_stopped(world: World, row: Json) -> None:
    (run,) = world.get(f"/workflows/{world.other[0]}/executions", contact_id=world.contact_id)["items"]
    assert (run["status"], run["completion_reason"]) == ("cancelled", "stopped_by_workflow")


def read_message(world: World, row: Json) -> None:
    message = world.get(f"/messages/{row['result_data']['message_id']}")
    assert (message["status"], message["contact_id"]) == ("sent", world.contact_id)


def mail(world: World, **fields: Any) -> Config:
    return {"subject": "Hello {{ contact.first_name }}", "from_name": "Ada", "from_email": "ada@acme.example", **fields}


def tagged_message(world: World, **fields: Any) -> Config:
    """A Messenger message that may go though the contact has not written."""
    tag = {"messaging_type": "MESSAGE_TAG", "tag": "POST_PURCHASE_UPDATE"}
    return {"page_id": world.page_id, **tag, **fields}


def all_channels(world: World) -> list[str]:
    """Return all ways to tell members; SMS needs a number of the account."""
    assert world.sms_number
    return ["in_app", "email", "sms"]


def text_message(world: World, **fields: Any) -> Config:
    """An SMS that may go out at night, when these walks are taken."""
    return {
        "message": "Hello {{ contact.first_name }}",
        "from_number": world.sms_number,
        "purpose": "transactional",
        "respect_quiet_hours": False,
        **fields,
    }


def voicemail(world: World, **fields: Any) -> Config:
    """A call that may be made at night."""
    return {
        "audio_file_id": world.audio_id,
        "from_number": world.calling_number,
        "purpose": "transactional",
        "respect_quiet_hours": False,
        **fields,
    }


def connecting_call(world: World, **fields: Any) -> Config:
    return {
        "from_number": world.calling_number,
        "destination_type": "external",
        "destination_value": "+12125550123",
        "purpose": "transactional",
        **fields,
    }


def read_call(world: World, row: Json) -> None:
    message = world.get(f"/messages/{row['result_data']['message_id']}")
    assert (message["channel"], message["status"], message["call"]["outcome"]) == ("voice", "sent", "")


def start(world: World) -> list[tuple[str, Config]]:
    return [("start_workflow", {"workflow_id": world.other[0]})]


def join(world: World) -> list[tuple[str, Config]]:
    return [("add_to_campaign", {"campaign_id": world.campaign_id})]


def deal(world: World) -> list[tuple[str, Config]]:
    return [("create_opportunity", {"pipeline_id": world.pipeline["id"], "name": "Order"})]


def grant(world: World) -> list[tuple[str, Config]]:
    return [("grant_course_access", {"course_id": world.course_id, "send_welcome": False})]


OPEN_ALL_WEEK = {
    "resume_days": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
    "resume_between": {"start": "08:00", "end": "18:00"},
    "timezone_mode": "contact",
    "skip_holidays": "US",
}

WALKS: Mapping[str, Walk] = {
    "send_email": Walk(
        apart=["body_html", "body_text"],
        least=lambda world: mail(world, body_text="Hello"),
        fullest=lambda world: mail(
            world,
            template_id=world.template_id,
            reply_to="ada@acme.example",
            preview_text="Hello",
            cc=["cc@example.com"],
            bcc=["bcc@example.com"],
            attachments=[],
            track_opens=False,
            track_clicks=False,
            purpose="transactional",
            utm={"source": "walk", "medium": "email", "campaign": "spring", "content": "a"},
            connection_id=world.connection_id,
        ),
        result={"to": "ada@example.com"},
        read=read_message,
    ),
    "send_sms": Walk(
        least=text_message,
        fullest=lambda world: text_message(
            world,
            media_urls=["https://acme.example/menu.png"],
            append_opt_out="never",
            quiet_hours_start="22:00",
            quiet_hours_end="08:00",
        ),
        result={"to": "+14155550100", "segments": 1},
        read=read_message,
    ),
    "send_messenger": Walk(
        least=lambda world: tagged_message(world, message_type="text", content={"text": "Hi"}),
        fullest=lambda world: tagged_message(
            world,
            message_type="template",
            content={
                "template_type": "generic",
                "elements": [
                    {
                        "title": "Hello {{ contact.first_name }}",
                        "subtitle": "Your order",
                        "image_url": "https://acme.example/1.png",
                        "default_action": {"type": "web_url", "url": "https://acme.example/1"},
                        "buttons": [{"type": "postback", "title": "Thanks", "payload": "thanks"}],
                    }
                ],
            },
            purpose="transactional",
        ),
        result={"to": PERSON},
        read=read_message,
    ),
    "send_voicemail": Walk(
        least=voicemail,
        fullest=lambda world: voicemail(
            world,
            machine_detection=True,
            amd={
                "mode": "detect_message_end",
                "timeout_seconds": 59,
                "speech_threshold_ms": 1000,
                "speech_end_threshold_ms": 500,
                "silence_timeout_ms": 2000,
            },
            on_human="play",
            retry_on_busy=True,
            max_retries=5,
        ),
        status="waiting",
        result={"to": "+14155550100"},
        read=read_call,
    ),
    "make_call": Walk(
        least=connecting_call,
        fullest=lambda world: connecting_call(
            world,
            record_call=True,
            timeout_seconds=600,
            whisper="{{ contact.first_name }} is on the line",
            machine_detection=True,
        ),
        status="waiting",
        result={"to": "+14155550100"},
        read=read_call,
    ),
    "webhook_call": Walk(
        apart=["signing_secret_id"],
        least=lambda world: {"url": world.hook, "method": "GET"},
        fullest=lambda world: {
            "url": world.hook,
            "method": "POST",
            "headers": {"X-Walk": "yes"},
            "payload": {"name": "{{ contact.first_name }}"},
            "auth_type": "bearer",
            "auth_config": {"token": "s3cret"},
            "timeout_seconds": 10,
            "retry_on_failure": True,
            "max_retries": 1,
            "store_response": True,
            "response_mapping": [],
        },
        result={"status_code": 200},
    ),
    "custom_code": Walk(
        least=lambda world: {"code": "return {};"},
        fullest=lambda world: {
            "code": "console.log(inputs.name); return { greeting: `Hello ${inputs.name}` };",
            "inputs": {"name": "{{ contact.first_name }}"},
            "outputs": ["greeting"],
            "timeout_ms": 5000,
            "memory_limit_mb": 128,
        },
        result={"output": {"greeting": "Hello Ada"}, "logs": ["Ada"]},
    ),
    "add_note": Walk(
        least=lambda world: {"content": "Seen"},
        fullest=lambda world: {"content": "Seen {{ contact.first_name }}", "note_type": "system"},
        result={},
        events=["note_added"],
        read=read_note,
    ),
    "add_tag": Walk(
        least=lambda world: {"tag_name": "VIP"},
        fullest=lambda world: {"tag_name": "{{ contact.first_name }} VIP", "tag_color": "#AA00FF"},
        result={"changed": True},
        events=["tag_added"],
        read=read_tag,
    ),
    "remove_tag": Walk(
        least=lambda world: {"tag_name": "Never there"},
        fullest=lambda world: {"tag_name": "OLD"},
        result={"changed": True},
        events=["tag_removed"],
        read=read_tag_gone,
    ),
    "create_contact": Walk(
        least=lambda world: {"email": "least@example.com"},
        fullest=lambda world: {
            "first_name": "Friend",
            "last_name": "of {{ contact.first_name }}",
            "email": "friend@example.com",
            "phone": "+14155550101",
            "custom_fields": {"score": "7"},
            "tags": ["Friend"],
            "duplicate_handling": "skip",
        },
        result={"created": True},
        read=read_created_contact,
    ),
    "update_contact": Walk(
        least=lambda world: {"field_updates": [{"field": "last_name", "value": "Lovelace"}]},
        fullest=lambda world: {
            "field_updates": [
                {"field": "last_name", "value": "{{ 'love' | capitalize }}lace"},
                {"field": "custom_fields.score", "value": 2, "mode": "increment"},
            ],
            "update_mode": "set",
        },
        result={},
        events=["contact_updated", "custom_field_changed"],
        read=read_updated_contact,
    ),
    "create_task": Walk(
        least=lambda world: {"title": "Call"},
        fullest=lambda world: {
            "title": "Call {{ contact.first_name }}",
            "description": "Today",
            "due_date_offset": {"days": 1, "hours": 2},
            "assignee_id": world.user_id,
            "priority": "high",
        },
        result={},
        events=["task_created"],
        read=read_task,
    ),
    "assign_to_user": Walk(
        apart=["team_id"],
        least=lambda world: {"assignment_type": "round_robin", "team_id": world.team_id},
        before=lambda world: [("update_contact", {"field_updates": [{"field": "owner_id", "value": None}]})],
        fullest=lambda world: {
            "assignment_type": "specific",
            "user_id": world.user_id,
            "only_if_unassigned": False,
            "notify_assignee": False,
        },
        result={"changed": True, "previous_user_id": None},
        events=["contact_updated", "contact_assigned"],
        read=read_owner,
    ),
    "add_to_campaign": Walk(
        least=lambda world: {"campaign_id": world.campaign_id},
        fullest=lambda world: {
            "campaign_id": world.campaign_id,
            "start_position": "specific_step",
            "step_id": world.other[1],
            "skip_if_enrolled": False,
        },
        result={"restarted": False},
        events=["campaign_joined"],
        read=read_member,
    ),
    "remove_from_campaign": Walk(
        before=join,
        least=lambda world: {"campaign_id": world.campaign_id},
        fullest=lambda world: {"campaign_id": world.campaign_id, "reason": "Bought"},
        result={"changed": True, "cancelled": 1, "reason": "Bought"},
        events=["campaign_joined", "campaign_left"],
        read=read_member_gone,
    ),
    "create_opportunity": Walk(
        least=lambda world: {"pipeline_id": world.pipeline["id"], "name": "Order"},
        fullest=lambda world: {
            "pipeline_id": world.pipeline["id"],
            "stage_id": world.stage_ids[1],
            "name": "Order of {{ contact.first_name }}",
            "value": "{{ 12.5 }}",
            "currency": "eur",
            "duplicate_policy": "allow",
        },
        result={"created": True},
        events=["deal_created"],
        read=read_opportunity,
    ),
    "move_pipeline_stage": Walk(
        before=deal,
        least=lambda world: {"pipeline_id": world.pipeline["id"], "stage_id": world.stage_ids[1]},
        fullest=lambda world: {
            "pipeline_id": world.pipeline["id"],
            "stage_id": world.stage_ids[2],
            "opportunity_selector": "specific",
            "opportunity_id": "{{ steps.create_opportunity.opportunity_id }}",
            "allow_backward": False,
            "if_none": "fail",
        },
        result={"changed": True, "status": "won"},
        events=["deal_created", "stage_changed", "deal_won"],
        read=read_moved,
    ),
    "send_notification": Walk(
        least=lambda world: {
            "recipient_type": "contact_owner",
            "channels": ["in_app"],
            "title": "Hello",
            "message": "Hello",
        },
        fullest=lambda world: {
            "recipient_type": "team",
            "recipient_ids": [world.team_id],
            "channels": all_channels(world),
            "title": "{{ contact.first_name }} waits",
            "message": "Call {{ contact.phone }}",
        },
        result={},
        read=read_notification,
    ),
    "grant_course_access": Walk(
        least=lambda world: {"course_id": world.course_id},
        before=lambda world: [
            *grant(world),
            ("revoke_course_access", {"course_id": world.course_id}),
        ],
        fullest=lambda world: {
            "course_id": world.course_id,
            "access_level": "limited",
            "duration_days": 30,
            "drip_content": False,
            "send_welcome": True,
            "if_already": "extend",
        },
        result={"created": True, "welcome": "sent"},
        events=["access_granted"],
        read=read_access,
    ),
    "revoke_course_access": Walk(
        before=grant,
        least=lambda world: {"course_id": world.course_id},
        fullest=lambda world: {
            "course_id": world.course_id,
            "retain_progress": False,
            "revocation_reason": "Refunded",
        },
        result={"changed": True},
        events=["access_granted", "access_revoked"],
        read=read_access_gone,
    ),
    "set_consent": Walk(
        least=lambda world: {"channels": ["sms"], "state": "opt_in", "evidence": "Form"},
        fullest=lambda world: {
            "channels": ["sms", "voice", "messenger"],
            "state": "opt_out",
            "evidence": "{{ contact.first_name }} said so",
        },
        result={"state": "opt_out", "changed": ["sms", "voice", "messenger"]},
        events=["unsubscribed"],
        read=read_consents,
    ),
    "wait_time": Walk(
        least=lambda world: {"duration": 1, "unit": "minutes"},
        fullest=lambda world: {"duration": 12, "unit": "weeks", **OPEN_ALL_WEEK},
        status="waiting",
        result={},
    ),
    "wait_until_date": Walk(
        apart=["date_value"],
        least=lambda world: {"date_type": "contact_field", "field_name": "renewal"},
        fullest=lambda world: {
            "date_type": "calculated",
            "field_name": "renewal",
            "offset": {"value": 120, "unit": "months", "direction": "after"},
            "time_of_day": "09:30",
            **OPEN_ALL_WEEK,
            "if_past": "skip_next",
            "if_missing": "exit",
        },
        status="waiting",
        result={"until": "2030-02-28T17:30:00+00:00"},
    ),
    "drip": Walk(
        least=lambda world: {"batch_size": 1, "interval": 1, "unit": "minutes"},
        fullest=lambda world: {"batch_size": 10_000, "interval": 12 * 7, "unit": "days"},
        result={"number": 1, "until": None},
    ),
    "go_to": Walk(
        least=lambda world: {"target_key": "last"},
        fullest=lambda world: {"target_key": "last"},
        result={"target_key": "last"},
    ),
    "start_workflow": Walk(
        least=lambda world: {"workflow_id": world.other[0]},
        fullest=lambda world: {"workflow_id": world.other[0], "pass_data": False, "skip_if_inside": False},
        result={},
        read=read_started,
    ),
    "stop_workflow": Walk(
        before=start,
        least=lambda world: {"scope": "this"},
        fullest=lambda world: {"scope": "listed", "workflow_ids": [world.other[0]], "reason": "Enough"},
        result={"cancelled": 1, "reason": "Enough"},
        read=read_stopped,
    ),
    "end_workflow": Walk(
        least=lambda world: {},
        fullest=lambda world: {"reason": "Enough"},
        result={"reason": "Enough"},
    ),
}
"""By the type's slug."""
