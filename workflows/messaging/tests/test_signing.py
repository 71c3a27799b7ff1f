import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from workflows.messaging.signing import InvalidSigningSecret, new_signing_secret, signature_headers, signing_key

KNOWN_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def now() -> datetime:
    return datetime.now(UTC)


class TestSignatureHeaders:
    @pytest.mark.parametrize(
        "body", [b'{"a": 1}', b"{}", '{"name": "Łukasz 🎉"}'.encode(), b"[" + b"1," * 50_000 + b"1]"]
    )
    def test_are_accepted_by_the_receivers_library(self, body):
        secret = new_signing_secret()
        headers = signature_headers(secrets=[secret], message_id="msg_1", at=now(), body=body)
        assert Webhook(secret).verify(body, headers) is not None

    def test_are_accepted_under_the_old_and_the_new_secret(self):
        old, new = new_signing_secret(), new_signing_secret()
        headers = signature_headers(secrets=[new, old], message_id="msg_1", at=now(), body=b"{}")
        assert Webhook(old).verify(b"{}", headers) == Webhook(new).verify(b"{}", headers) == {}

    def test_equal_those_of_the_library(self):
        at = datetime(2026, 11, 23, 14, 30, 0, 999_999, tzinfo=UTC)
        headers = signature_headers(secrets=[KNOWN_SECRET], message_id="msg_1", at=at, body=b'{"a": 1}')
        assert headers == {
            "webhook-id": "msg_1",
            "webhook-timestamp": "1795444200",
            "webhook-signature": Webhook(KNOWN_SECRET).sign("msg_1", at, '{"a": 1}'),
        }

    @pytest.mark.parametrize(
        "change",
        [
            {"webhook-id": "msg_2"},
            {"webhook-timestamp": str(int(now().timestamp()) - 1)},
            {"webhook-signature": "v1,AAAA"},
        ],
    )
    def test_are_refused_when_one_is_changed(self, change):
        secret = new_signing_secret()
        headers = signature_headers(secrets=[secret], message_id="msg_1", at=now(), body=b"{}")
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(b"{}", headers | change)

    def test_are_refused_for_another_body_another_secret_and_a_stale_time(self):
        secret = new_signing_secret()
        headers = signature_headers(secrets=[secret], message_id="msg_1", at=now(), body=b"{}")
        stale = signature_headers(secrets=[secret], message_id="msg_1", at=now() - timedelta(minutes=6), body=b"{}")
        for body, key, sent in [
            (b"[]", secret, headers),
            (b"{}", new_signing_secret(), headers),
            (b"{}", secret, stale),
        ]:
            with pytest.raises(WebhookVerificationError):
                Webhook(key).verify(body, sent)

    @pytest.mark.parametrize("message_id", ["", "a.b"])
    def test_refuse_an_id_that_could_be_read_two_ways(self, message_id):
        with pytest.raises(ValueError, match="dot"):
            signature_headers(secrets=[KNOWN_SECRET], message_id=message_id, at=now(), body=b"")

    def test_sign_what_arrives(self, outbound, postbox):
        secret = new_signing_secret()
        body = '{"name": "Åsa"}'.encode()
        headers = signature_headers(secrets=[secret], message_id="msg_1", at=now(), body=body)
        outbound.request("POST", postbox.url(), headers=headers, body=body)
        [arrived] = postbox.requests(key="msg_1")
        assert Webhook(secret).verify(arrived["body"], dict(arrived["headers"])) == {"name": "Åsa"}


class TestSigningKey:
    def test_is_what_the_base64_holds(self):
        assert signing_key(KNOWN_SECRET) == bytes(range(32))

    @pytest.mark.parametrize(
        "secret",
        [
            "",
            "whsec_",
            "hunter2",
            "whsec_not base64!",
            "whsec_" + base64.b64encode(bytes(23)).decode(),
            "whsec_" + base64.b64encode(bytes(65)).decode(),
            base64.b64encode(bytes(32)).decode(),
            "whsec_ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ",
        ],
    )
    def test_is_refused_without_repeating_it(self, secret):
        with pytest.raises(InvalidSigningSecret) as error:
            signing_key(secret)
        assert str(error.value) == "A signing secret is whsec_ and the base64 form of 24 to 64 random bytes."

    def test_of_new_secrets_is_never_the_same(self):
        assert len({signing_key(new_signing_secret()) for _ in range(100)}) == 100
