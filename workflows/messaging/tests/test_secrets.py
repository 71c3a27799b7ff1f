import json
import logging
import pickle
import traceback
from io import StringIO

import pytest
import structlog
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.actors import SYSTEM
from accounts.models import AuditEntry
from accounts.problems import Conflict, Invalid, Missing
from workflows.messaging import secrets as module
from workflows.messaging.checks import check_outbound_networks, check_secret_keys
from workflows.messaging.models import Connection, Secret
from workflows.messaging.secrets import (
    SecretText,
    UnreadableSecret,
    create_secret,
    delete_secret,
    replace_secret,
    reveal_secrets,
    rotate_secrets,
)

PLANTED = "planted-0123456789"


def plant(account, name="CRM token", value=PLANTED) -> Secret:
    return create_secret(account_id=account.id, actor=SYSTEM, name=name, value=value)


def revealed(account, *secrets) -> list[str]:
    found = reveal_secrets(account_id=account.id, secret_ids=[secret.id for secret in secrets])
    return [found[secret.id].reveal() for secret in secrets if secret.id in found]


def dump() -> str:
    """Return every row of every table as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        texts = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            texts += [text for (text,) in cursor.fetchall()]
    return "\n".join(texts)


class TestCreateSecret:
    def test_keeps_it_encrypted_and_reveals_it_by_id(self, account):
        secret = plant(account)
        assert PLANTED not in dump()
        assert revealed(account, secret) == [PLANTED]

    @pytest.mark.parametrize("value", ["x", "p@ss wörd\n\t🎉", "a" * 8192])
    def test_keeps_any_text(self, account, value):
        assert revealed(account, plant(account, value=value)) == [value]

    def test_encrypts_equal_texts_differently(self, account):
        assert plant(account, "a").ciphertext != plant(account, "b").ciphertext

    def test_is_audited_by_name_only(self, account):
        secret = plant(account)
        entry = AuditEntry.objects.for_account(account.id).get()
        assert (entry.verb, entry.object_type, entry.object_id) == ("secret.created", "secret", secret.id)
        assert (entry.before, entry.after) == (None, {"name": "CRM token"})

    @pytest.mark.parametrize(
        ("name", "value", "attrs"),
        [
            ("", "x", ["name"]),
            ("  ", "x", ["name"]),
            ("a" * 121, "x", ["name"]),
            ("a\nb", "x", ["name"]),
            ("a\0b", "x", ["name"]),
            ("a", "", ["value"]),
            ("a", "x" * 8193, ["value"]),
            ("a", "x\0y", ["value"]),
            ("a", "\ud800", ["value"]),
            ("", "", ["name", "value"]),
        ],
    )
    def test_refuses_what_cannot_be_kept(self, account, name, value, attrs):
        with pytest.raises(Invalid) as error:
            plant(account, name, value)
        assert [problem.attr for problem in error.value.problems] == attrs
        assert not Secret.objects.for_account(account.id).exists()

    def test_refuses_a_name_that_is_taken_in_this_account_only(self, account, other_account):
        plant(account)
        plant(other_account)
        with pytest.raises(Conflict) as error:
            plant(account, value="another")
        assert error.value.problem.code == "name_taken"
        assert Secret.objects.for_account(account.id).count() == 1
        assert AuditEntry.objects.for_account(account.id).count() == 1


class TestReplaceSecret:
    def test_gives_it_another_value(self, account):
        secret = plant(account)
        replace_secret(account_id=account.id, actor=SYSTEM, secret_id=secret.id, value="newer")
        assert revealed(account, secret) == ["newer"]

    def test_does_not_find_another_accounts(self, account, other_account):
        secret = plant(other_account)
        with pytest.raises(Missing):
            replace_secret(account_id=account.id, actor=SYSTEM, secret_id=secret.id, value="newer")
        assert revealed(other_account, secret) == [PLANTED]


class TestDeleteSecret:
    def test_forgets_it(self, account):
        secret = plant(account)
        delete_secret(account_id=account.id, actor=SYSTEM, secret_id=secret.id)
        assert not Secret.objects.for_account(account.id).exists()

    def test_is_refused_while_a_connection_uses_it(self, account):
        secret = plant(account)
        Connection.objects.create(account=account, kind="smtp", name="Mail", secret=secret)
        with pytest.raises(Conflict) as error:
            delete_secret(account_id=account.id, actor=SYSTEM, secret_id=secret.id)
        assert error.value.problem.code == "in_use"
        assert revealed(account, secret) == [PLANTED]
        assert not AuditEntry.objects.for_account(account.id).filter(verb="secret.deleted").exists()

    def test_does_not_find_another_accounts(self, account, other_account):
        secret = plant(other_account)
        with pytest.raises(Missing):
            delete_secret(account_id=account.id, actor=SYSTEM, secret_id=secret.id)


class TestRevealSecrets:
    def test_leaves_out_what_belongs_to_another_account(self, account, other_account):
        mine, theirs = plant(account), plant(other_account)
        found = reveal_secrets(account_id=account.id, secret_ids=[mine.id, theirs.id])
        assert set(found) == {mine.id}

    def test_takes_one_query(self, account, django_assert_num_queries):
        secrets = [plant(account, f"secret {number}") for number in range(10)]
        with django_assert_num_queries(1):
            assert len(reveal_secrets(account_id=account.id, secret_ids=[secret.id for secret in secrets])) == 10

    def test_says_that_a_key_is_missing(self, account, settings):
        secret = plant(account)
        settings.SECRET_KEYS = [Fernet.generate_key().decode()]
        with pytest.raises(UnreadableSecret, match="not in SECRET_KEYS"):
            revealed(account, secret)


class TestSecretText:
    def test_shows_dots_wherever_it_turns_up(self, account):
        secret = SecretText(PLANTED)
        stream = StringIO()
        logging.getLogger("test").addHandler(handler := logging.StreamHandler(stream))
        logging.getLogger("test").warning("sending %s %r", secret, {"token": secret})
        logging.getLogger("test").removeHandler(handler)
        try:
            raise ValueError(secret, f"{secret}", f"{secret!r}")
        except ValueError as error:
            shown = "".join(traceback.format_exception(error))
        line = structlog.processors.JSONRenderer()(None, "", {"event": "x", "secret": secret})
        for text in (stream.getvalue(), shown, line, json.dumps([secret], default=str), repr([secret]), f"{secret}"):
            assert "•" in text or "\\u2022" in text
            assert PLANTED not in text
        with pytest.raises(TypeError):
            pickle.dumps(secret)
        with pytest.raises(TypeError):
            json.dumps(secret)
        assert secret.reveal() == PLANTED

    def test_is_not_in_the_row_s_own_words(self, account):
        assert PLANTED not in f"{plant(account)!r} {plant(account, 'b')}"


class TestRotateSecrets:
    def test_brings_all_accounts_under_the_first_key(self, account, other_account, settings):
        secrets = [plant(account), plant(other_account)]
        old, new = settings.SECRET_KEYS[0], Fernet.generate_key().decode()
        settings.SECRET_KEYS = [new, old]
        assert rotate_secrets().rotated == 2
        settings.SECRET_KEYS = [new]
        assert revealed(account, secrets[0]) + revealed(other_account, secrets[1]) == [PLANTED, PLANTED]
        assert rotate_secrets().rotated == 0

    def test_goes_through_all_pages(self, account, settings, monkeypatch):
        monkeypatch.setattr(module, "PAGE", 3)
        secrets = [plant(account, f"secret {number}") for number in range(7)]
        settings.SECRET_KEYS = [Fernet.generate_key().decode(), *settings.SECRET_KEYS]
        assert rotate_secrets().rotated == 7
        settings.SECRET_KEYS = settings.SECRET_KEYS[:1]
        assert revealed(account, *secrets) == [PLANTED] * 7

    def test_names_what_it_cannot_read_and_rotates_the_rest(self, account, settings):
        lost = plant(account, "lost")
        settings.SECRET_KEYS = [Fernet.generate_key().decode()]
        kept = plant(account, "kept")
        settings.SECRET_KEYS = [Fernet.generate_key().decode(), *settings.SECRET_KEYS]
        output = StringIO()
        with pytest.raises(CommandError, match=f"1 could not be read.*{lost.id}"):
            call_command("rotate_secrets", stdout=output)
        assert output.getvalue() == "1 secrets are now under the first key.\n"
        settings.SECRET_KEYS = settings.SECRET_KEYS[:1]
        assert revealed(account, kept) == [PLANTED]

    def test_makes_a_new_key(self, settings):
        output = StringIO()
        call_command("rotate_secrets", "--new-key", stdout=output)
        settings.SECRET_KEYS = [output.getvalue().strip()]
        assert check_secret_keys(None) == []


class TestChecks:
    @pytest.mark.parametrize(("keys", "words"), [([], "is empty"), (["short"], "number 1"), (["", "x"], "number 1")])
    def test_refuse_keys_that_are_none_without_repeating_them(self, keys, words, settings):
        settings.SECRET_KEYS = keys
        [error] = check_secret_keys(None)
        assert error.id == "messaging.E001"
        assert words in error.msg
        assert "short" not in error.msg

    def test_refuse_a_network_that_is_none(self, settings):
        settings.OUTBOUND_ALLOW_NETWORKS = ["127.0.0.1/33"]
        [error] = check_outbound_networks(None)
        assert error.id == "messaging.E002"
        settings.OUTBOUND_ALLOW_NETWORKS = ["127.0.0.1/32", "fd00::/8"]
        assert check_outbound_networks(None) == []
