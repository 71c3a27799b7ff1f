"""Twilio's SDK against the postbox, which speaks Twilio's wire format."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from django.http import QueryDict
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from accounts.actors import SYSTEM
from workflows.messaging.outbound import NotSent, SentUnknown
from workflows.messaging.providers.twilio import Refused, TwilioAccount, find, is_genuine, send
from workflows.messaging.providers.twilio.sending import sign_in
from workflows.messaging.secrets import SecretText, create_secret
from workflows.messaging.tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db
SID = "AC" + "0a" * 16
FROM, TO = "+14155550100", "+14155550123"


class MovedClient(TwilioHttpClient):
    """The SDK's own client, but for the base address."""

    def __init__(self, url):
        super().__init__()
        self._url = url

    def request(self, method, url, *args, **options):
        return super().request(method, url.replace("https://api.twilio.com", self._url), *args, **options)


@pytest.fixture
def at_the_postbox(settings, postbox_server, postbox, tmp_path):
    settings.DATA_DIR = tmp_path
    postbox_server.address.write(tmp_path)
    return postbox


@pytest.fixture
def twilio(account, at_the_postbox):
    secret = create_secret(account_id=account.id, actor=SYSTEM, name="token", value="auth token")
    options = {"account_sid": SID, "api_host": "postbox.test", "numbers": [{"number": FROM, "types": ["sms"]}]}
    return TwilioAccount.of(ConnectionFactory(account=account, kind="twilio", settings=options, secret=secret))


def sent(twilio, **changes):
    values = {"sender": FROM, "recipient": TO, "text": "Hello", "media_urls": (), "status_callback": ""}
    return send(twilio, **{**values, **changes})


class TestTheSdk:
    def test_sends_to_the_postbox_unchanged_but_for_its_base_address(self, at_the_postbox):
        client = Client(SID, "auth token", http_client=MovedClient(at_the_postbox.address.url))
        message = client.messages.create(to=TO, from_=FROM, body="Hello €")
        (entry,) = at_the_postbox.messages()
        assert (message.sid, message.status, message.num_segments) == (entry["key"], "queued", "1")
        assert [each.sid for each in client.messages.list(to=TO, from_=FROM)] == [message.sid]
        assert (entry["sender"], entry["recipients"], entry["subject"]) == (FROM, [TO], "Hello €")

    @pytest.mark.parametrize(("to", "body", "code"), [("12", "Hello", 21211), (TO, "", 21602), (TO, "x" * 1601, 21617)])
    def test_is_refused_as_by_twilio(self, at_the_postbox, to, body, code):
        client = Client(SID, "auth token", http_client=MovedClient(at_the_postbox.address.url))
        with pytest.raises(TwilioRestException) as refused:
            client.messages.create(to=to, from_=FROM, body=body)
        assert (refused.value.status, refused.value.code) == (400, code)
        assert at_the_postbox.counts(outcome="new")["total"] == 0


class TestSending:
    def test_hands_text_and_pictures_over(self, twilio, postbox):
        accepted = sent(twilio, text="Grüße", media_urls=["https://a.example/1.png", "https://a.example/2.png"])
        (entry,) = postbox.messages()
        form = parse_qs(entry["body"])
        assert accepted.sid == entry["key"]
        assert accepted.segments == 1
        assert form["MediaUrl"] == ["https://a.example/1.png", "https://a.example/2.png"]
        assert (form["Body"], form["From"], form["To"]) == (["Grüße"], [FROM], [TO])

    @pytest.mark.parametrize(
        ("status", "body", "error_class", "code"),
        [
            (400, '{"code": 21610, "message": "unsubscribed", "status": 400}', "rejected", 21610),
            (400, '{"code": 21211, "message": "invalid", "status": 400}', "rejected", 21211),
            (400, '{"code": 21614, "message": "no mobile", "status": 400}', "rejected", 21614),
            (400, '{"code": 21606, "message": "not yours", "status": 400}', "invalid_config", 21606),
            (400, '{"code": 21611, "message": "full", "status": 400}', "rate_limited", 21611),
            (401, '{"code": 20003, "message": "Authenticate", "status": 401}', "authentication", 20003),
            (403, "{}", "authentication", 0),
            (404, '{"code": 20404, "message": "?", "status": 404}', "rejected", 20404),
            (429, '{"code": 20429, "message": "slow down", "status": 429}', "rate_limited", 20429),
            (500, "no JSON at all", "unavailable", 0),
            (503, "{}", "unavailable", 0),
        ],
    )
    def test_tells_refusals_apart(self, twilio, postbox, status, body, error_class, code):
        postbox.add_rule("status", protocol="sms", status=status, body=body, retry_after="17")
        with pytest.raises(Refused) as refused:
            sent(twilio)
        assert (refused.value.error_class, refused.value.code) == (error_class, code)
        assert refused.value.retry_after == timedelta(seconds=17)
        assert refused.value.is_unsubscribed is (code == 21610)
        assert "auth token" not in refused.value.message

    @pytest.mark.parametrize("behaviour", ["drop_reply", "cut_body", "garbage"])
    def test_knows_when_nobody_can_tell(self, twilio, postbox, behaviour):
        postbox.add_rule(behaviour, protocol="sms")
        with pytest.raises(SentUnknown):
            sent(twilio)

    def test_does_not_trust_an_answer_without_a_sid(self, twilio, postbox):
        postbox.add_rule("accept", protocol="sms", status=201, body="[1]")
        with pytest.raises(SentUnknown):
            sent(twilio)

    def test_follows_no_redirect(self, twilio, postbox):
        postbox.add_rule("redirect", protocol="sms", status=307, to="http://127.0.0.1:1/")
        with pytest.raises(NotSent):
            sent(twilio)

    def test_needs_a_token(self, account, at_the_postbox):
        options = {"account_sid": SID, "api_host": "postbox.test", "numbers": []}
        bare = TwilioAccount.of(ConnectionFactory(account=account, kind="twilio", settings=options))
        with pytest.raises(NotSent) as problem:
            sent(bare)
        assert problem.value.error_class == "invalid_config"
        assert at_the_postbox.entries() == []

    def test_reads_back_what_is_kept_for_a_call(self, twilio):
        assert TwilioAccount.from_json(twilio.as_json()) == twilio


class TestFinding:
    def test_finds_a_message_whose_answer_was_lost(self, twilio, postbox):
        since = datetime.now(tz=UTC)
        sent(twilio, text="Another")
        sent(twilio, recipient="+14155550199")
        postbox.add_rule("drop_reply", protocol="sms", method="POST", times=1)
        with pytest.raises(SentUnknown):
            sent(twilio)
        (found,) = find(twilio, sender=FROM, recipient=TO, text="Hello", since=since)
        assert found.sid == postbox.messages(search="Hello", recipient=TO)[0]["key"]

    def test_leaves_out_what_was_sent_before(self, twilio):
        sent(twilio)
        later = datetime.now(tz=UTC) + timedelta(minutes=1)
        assert find(twilio, sender=FROM, recipient=TO, text="Hello", since=later) == []

    def test_leaves_out_what_was_refused(self, twilio, postbox):
        postbox.add_rule("reset", protocol="sms", times=1)
        with pytest.raises(SentUnknown):
            sent(twilio)
        assert find(twilio, sender=FROM, recipient=TO, text="Hello", since=datetime.now(tz=UTC)) == []


class TestSigningIn:
    def test_asks_for_the_account_and_sends_nothing(self, twilio, postbox):
        sign_in(twilio)
        assert postbox.messages(method="POST") == []

    def test_says_that_sid_and_token_do_not_fit(self, twilio, postbox):
        postbox.add_rule("status", protocol="sms", status=401, body='{"code": 20003, "message": "Authenticate"}')
        with pytest.raises(Refused) as refused:
            sign_in(twilio)
        assert refused.value.error_class == "authentication"

    def test_refuses_an_account_that_is_closed(self, twilio, postbox):
        postbox.add_rule("accept", protocol="sms", body=f'{{"sid": "{SID}", "status": "suspended"}}')
        with pytest.raises(Refused):
            sign_in(twilio)


class TestSignatures:
    URL = "https://crm.example/hooks/twilio/1?message=2"
    BODY = "From=%2B14155550123&Body=Hi+%E2%82%AC&Empty=&Twice=b&Twice=a"

    def signature(self, token="auth token", url=URL):
        return RequestValidator(token).compute_signature(url, QueryDict(self.BODY))

    def test_of_the_sdk_are_accepted(self):
        parameters = QueryDict(self.BODY)
        token = SecretText("auth token")
        assert is_genuine(token=token, url=self.URL, parameters=parameters, signature=self.signature())

    @pytest.mark.parametrize("forged", ["", "x", "ü", "0" * 28])
    def test_that_are_made_up_are_not(self, forged):
        parameters = QueryDict(self.BODY)
        assert not is_genuine(token=SecretText("auth token"), url=self.URL, parameters=parameters, signature=forged)

    @pytest.mark.parametrize(
        ("url", "body", "token"),
        [
            (URL.replace("=2", "=3"), BODY, "auth token"),
            (URL, BODY + "&More=1", "auth token"),
            (URL, BODY.replace("Hi", "STOP"), "auth token"),
            (URL, BODY, "other token"),
        ],
        ids=["address", "parameter", "text", "token"],
    )
    def test_are_over_all_there_is(self, url, body, token):
        signature = self.signature()
        assert not is_genuine(token=SecretText(token), url=url, parameters=QueryDict(body), signature=signature)
