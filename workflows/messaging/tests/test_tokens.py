from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from workflows.messaging import tokens
from workflows.messaging.tokens import BadToken, Sent

SENT = Sent(uuid7(), uuid7(), uuid7())
URL = "https://acme.example/päth?a=1&b=2#c"


class TestTokens:
    def test_hold_what_they_were_made_of(self):
        assert tokens.read_open_token(tokens.open_token(SENT)) == SENT
        assert tokens.read_unsubscribe_token(tokens.unsubscribe_token(SENT)) == SENT
        assert tokens.read_click_token(tokens.click_token(SENT, URL)) == (SENT, URL)

    def test_survive_long_addresses_in_few_characters(self):
        url = "https://acme.example/" + "abc/" * 490
        token = tokens.click_token(SENT, url)
        assert tokens.read_click_token(token) == (SENT, url)
        assert len(token) < 300

    def test_are_short_and_fit_into_addresses(self):
        token = tokens.unsubscribe_token(SENT)
        assert len(token) == 64 + 1 + 43
        assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")

    def test_do_for_one_purpose_only(self):
        for make in (tokens.open_token, tokens.unsubscribe_token):
            with pytest.raises(BadToken):
                tokens.read_click_token(make(SENT))
        with pytest.raises(BadToken):
            tokens.read_unsubscribe_token(tokens.open_token(SENT))
        with pytest.raises(BadToken):
            tokens.read_open_token(tokens.click_token(SENT, URL))

    def test_cannot_be_changed_anywhere(self):
        token = tokens.click_token(SENT, URL)
        for place in range(len(token)):
            changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            with pytest.raises(BadToken):
                tokens.read_click_token(changed)

    def test_are_worthless_under_another_key(self, settings):
        token = tokens.unsubscribe_token(SENT)
        settings.SECRET_KEY = "another-" + "y" * 50
        with pytest.raises(BadToken):
            tokens.read_unsubscribe_token(token)
        settings.SECRET_KEY_FALLBACKS = ["tests-only-" + "x" * 50]
        assert tokens.read_unsubscribe_token(token) == SENT

    @pytest.mark.parametrize("token", ["", ".", "a.b", "\x00", "ü.ü", "." * 5000, "\ud800", str(UUID(int=0))])
    def test_are_nothing_else(self, token):
        for read in (tokens.read_open_token, tokens.read_click_token, tokens.read_unsubscribe_token):
            with pytest.raises(BadToken):
                read(token)
