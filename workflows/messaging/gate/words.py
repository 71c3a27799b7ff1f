"""The words by which contacts forbid, allow and ask for help, in answer to a text message."""

import enum
import unicodedata

LONGEST_ANSWER = 200
"""Characters; whoever writes more has something else to say."""


class ConsentWord(enum.StrEnum):
    """What an answer means that consists of nothing but such a word."""

    STOP = "stop"
    START = "start"
    HELP = "help"


WORDS = {
    **dict.fromkeys(("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"), ConsentWord.STOP),
    **dict.fromkeys(("start", "unstop"), ConsentWord.START),
    "help": ConsentWord.HELP,
}


def consent_word(text: str) -> ConsentWord | None:
    """Return what an answer means, or None when it is an ordinary message.

    STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, REVOKE, OPTOUT; START, UNSTOP; HELP. Case, spaces, punctuation,
    accents, emoji and invisible characters do not matter (`¡Stop! 🛑`, `opt-out`), nor does saying the same thing
    twice (`stop stop`); with any other word beside it (`stop by at noon`) it is an ordinary message.
    """
    if len(text) > LONGEST_ANSWER:
        return None
    parts = words_of(text)
    if whole := WORDS.get("".join(parts)):
        return whole
    meanings = {WORDS.get(part) for part in parts}
    return meanings.pop() if len(meanings) == 1 else None


def words_of(text: str) -> list[str]:
    """Return the runs of letters and digits, folded; what is invisible does not part them."""
    characters = []
    for character in unicodedata.normalize("NFKD", text).casefold():
        kind = unicodedata.category(character)
        if kind[0] in "LN":
            characters.append(character)
        elif kind[0] != "M" and kind != "Cf":
            characters.append(" ")
    return "".join(characters).split()
