import pytest

from workflows.messaging.gate.words import ConsentWord, consent_word


class TestConsentWord:
    @pytest.mark.parametrize(
        "text", ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "stop", "Unsubscribe"]
    )
    def test_stops(self, text: str) -> None:
        assert consent_word(text) is ConsentWord.STOP

    @pytest.mark.parametrize(
        "text",
        [
            "  stop \r\n",
            "Stop.",
            "¡STOP!",
            '"stop"',
            "stop 🛑🙏🏽",
            "🛑stop🛑",
            "STOP ALL",
            "stop-all",
            "opt out",
            "Opt-Out!!",
            "s t o p",
            "s.t.o.p",
            "ＳＴＯＰ",  # full width
            "st\u00adop",  # a soft hyphen
            "s\u200bt\u200bo\u200bp",  # blanks of no width
            "\ufeffstop",
            "stóp",
            "sto\u0301p",
            "stop stop STOP",
            "STOP unsubscribe",
            "Stop\nEnd",
        ],
    )
    def test_does_not_mind_how_it_is_written(self, text: str) -> None:
        assert consent_word(text) is ConsentWord.STOP

    @pytest.mark.parametrize("text", ["START", "start", "UNSTOP", "Start ✅", "un-stop", "start!"])
    def test_starts(self, text: str) -> None:
        assert consent_word(text) is ConsentWord.START

    @pytest.mark.parametrize("text", ["HELP", "help?", "Help 🙏"])
    def test_asks_for_help(self, text: str) -> None:
        assert consent_word(text) is ConsentWord.HELP

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "🛑",
            "!?",
            "yes",
            "stop by at noon",
            "please don't stop",
            "the end",
            "stopped",
            "nonstop",
            "stop start",
            "help stop",
            "restart",
            "st0p",
            "stop" * 60,
            "stop " * 50,
        ],
    )
    def test_leaves_other_messages_alone(self, text: str) -> None:
        assert consent_word(text) is None
