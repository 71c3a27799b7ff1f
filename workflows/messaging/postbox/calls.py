"""One call as the postbox plays it: who answers, what its TwiML says, and what Twilio would tell of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

from workflows.messaging.postbox.phones import LOCAL_HOSTS, NUMBER
from workflows.messaging.postbox.rules import ANSWERS

AWAY = {"busy": "busy", "no_answer": "no-answer", "canceled": "canceled"}
"""What becomes of a phone that is not answered, with the status of the call."""
AWAY_TEXTS = {"busy": "Busy", "no_answer": "Nobody answers", "canceled": "The other side gives up"}
HANG_UP = {"hang_up": "busy", "cancel": "canceled"}
"""Who ends a call: its own person, or the other side; and what that means while it still rings."""
BY_LAST_DIGITS = dict(zip((f"{number:04}" for number in range(1, 9)), ANSWERS, strict=True))
"""Phones that answer by themselves, 0001 to 0008; all others ring until somebody acts."""
RING_SECONDS = 60.0
LONGEST_CALL = 4 * 3600.0
MOST_VERBS = 100
LONGEST_TWIML = 64 * 1024

Tell = Callable[["LiveCall", str, Mapping[str, str]], Awaitable[str]]
"""Sends one signed callback about a call and returns what was answered."""
Note = Callable[["LiveCall", str, str, str], None]
"""Writes one line of a call down: what happened, in words, and an address that belongs to it."""
Place = Callable[["LiveCall"], None]
"""Lets the phone of a call to a destination ring."""


class HungUp(Exception):
    """Somebody ended the call."""


@dataclass(eq=False)
class LiveCall:
    """A call that is not over."""

    sid: str
    account_sid: str
    token: str
    sender: str
    recipient: str
    form: Mapping[str, str]
    """How it was placed, in the names of Twilio's parameters."""
    answer: str = ""
    """How it is answered by itself; empty: somebody has to."""
    parent: "LiveCall | None" = None
    status: str = "queued"
    answered_by: str = ""
    answered_at: float | None = None
    waits_for: str = ""
    """What somebody could do now: `answer`, `digits`, `queue` or `hang_up`."""
    commands: asyncio.Queue[tuple[str, str]] = field(default_factory=asyncio.Queue)
    sequence: int = 0

    @property
    def is_by_itself(self) -> bool:
        """Whether nobody has to do anything for it."""
        return bool(self.answer)

    @property
    def seconds(self) -> int:
        return 0 if self.answered_at is None else max(1, round(monotonic() - self.answered_at))

    def about(self) -> dict[str, str]:
        """Return what every callback says."""
        told = {
            "CallSid": self.sid,
            "AccountSid": self.account_sid,
            "From": self.sender,
            "To": self.recipient,
            "CallStatus": self.status,
            "Direction": "outbound-dial" if self.parent else "outbound-api",
            "ApiVersion": "2010-04-01",
        }
        if self.parent:
            told["ParentCallSid"] = self.parent.sid
        if self.answered_by and self.form.get("MachineDetection"):
            told["AnsweredBy"] = self.answered_by
        return told

    async def command(self, seconds: float, *wanted: str) -> tuple[str, str] | None:
        """Return what somebody does next, None when nobody does in time; raises HungUp."""
        deadline = monotonic() + seconds
        while (left := deadline - monotonic()) > 0:
            try:
                kind, value = await asyncio.wait_for(self.commands.get(), left)
            except TimeoutError:
                return None
            if kind in HANG_UP and self.status == "in-progress":
                raise HungUp
            if kind in wanted:
                return kind, value
        return None


class Course:
    """Leads one call from the first ring to its end."""

    def __init__(self, call: LiveCall, *, tell: Tell, note: Note, place: Place) -> None:
        self.call = call
        self.tell = tell
        self.note = note
        self.place = place

    async def run(self) -> None:
        """Play the whole call."""
        await self.progress("initiated", "initiated")
        self.note(self.call, "RING", f"Rings, {self.call.sender} calls", "")
        await self.progress("ringing", "ringing")
        answer = await self.answered()
        if answer in AWAY:
            self.note(self.call, "AWAY", AWAY_TEXTS[answer], "")
            await self.progress(AWAY[answer], "completed", {"CallDuration": "0"})
            return
        self.call.answered_at, self.call.answered_by = monotonic(), self.heard(answer)
        self.note(self.call, "ANSWER", f"Answered: {answer.replace('_', ' ')}", "")
        await self.progress("in-progress", "answered")
        try:
            await self.act()
        except HungUp:
            self.note(self.call, "END", "The person hangs up", "")
        else:
            self.note(self.call, "END", "The call ends", "")
        await self.progress("completed", "completed", {"CallDuration": str(self.call.seconds)})

    def heard(self, answer: str) -> str:
        """Return who answered as Twilio would say, which knows only of a machine where it does not wait."""
        is_quick = self.call.form.get("MachineDetection") == "Enable"
        return "machine_start" if is_quick and answer.startswith("machine_") else answer

    async def answered(self) -> str:
        """Wait until somebody does something about the phone that rings."""
        if self.call.answer:
            return self.call.answer
        self.call.waits_for = "answer"
        seconds = float(self.call.form.get("Timeout") or RING_SECONDS)
        done = await self.call.command(seconds, "answer", *HANG_UP)
        self.call.waits_for = ""
        if done is None:
            return "no_answer"
        return done[1] if done[0] == "answer" else HANG_UP[done[0]]

    async def act(self) -> None:
        url = self.call.form.get("Url", "")
        if self.call.form.get("Twiml"):
            await self.follow(self.call.form["Twiml"], "")
        elif url:
            await self.fetch(url)

    async def fetch(self, url: str, more: Mapping[str, str] | None = None) -> None:
        """Ask for TwiML and do what it says."""
        if not LOCAL_HOSTS.fullmatch(urlsplit(url).hostname or ""):
            self.note(self.call, "ELSEWHERE", "Goes on at another machine, which the postbox does not ask", url)
            return
        await self.follow(await self.tell(self.call, url, more or {}), url)

    async def follow(self, twiml: str, base: str) -> None:
        """Do what TwiML says, verb by verb; where it leads elsewhere, the rest is left."""
        try:
            verbs = list(ElementTree.fromstring(twiml[:LONGEST_TWIML]))[:MOST_VERBS]  # noqa: S314 - of this machine
        except ElementTree.ParseError:
            self.note(self.call, "ERROR", "An application error has occurred: the answer is no TwiML", "")
            return
        for verb in verbs:
            if not await self.obey(verb, base):
                return

    async def obey(self, verb: ElementTree.Element, base: str) -> bool:
        """Do one thing; False when the rest of the document does not count."""
        text = "".join(verb.itertext()).strip()
        match verb.tag:
            case "Say":
                self.note(self.call, "SAY", text, "")
            case "Play":
                self.note(self.call, "PLAY", "Plays a recording", urljoin(base, text))
            case "Hangup" | "Reject":
                return False
            case "Redirect":
                await self.fetch(urljoin(base, text))
                return False
            case "Gather":
                return await self.gather(verb, base)
            case "Dial":
                return await self.dial(verb, base)
            case "Enqueue":
                return await self.enqueue(verb, text, base)
        return True

    async def gather(self, verb: ElementTree.Element, base: str) -> bool:
        for inner in verb:
            await self.obey(inner, base)
        self.call.waits_for = "digits"
        done = None if self.call.is_by_itself else await self.call.command(float(verb.get("timeout", "5")), "digits")
        self.call.waits_for = ""
        if done is None:
            return True
        self.note(self.call, "DIGITS", f"Presses {done[1]}", "")
        await self.fetch(urljoin(base, verb.get("action", "")), {"Digits": done[1]})
        return False

    async def enqueue(self, verb: ElementTree.Element, name: str, base: str) -> bool:
        self.note(self.call, "QUEUE", f"Waits in the queue “{name}”", "")
        self.call.waits_for = "queue"
        try:
            if not self.call.is_by_itself:
                await self.call.command(LONGEST_CALL, "queue")
            self.note(self.call, "TALK", "Somebody takes the call from the queue", "")
            await self.talk()
        except HungUp:
            result = "hangup" if self.call.waits_for == "queue" else "bridged"
            await self.ask(verb, base, {"QueueResult": result})
            raise
        return await self.ask(verb, base, {"QueueResult": "bridged"})

    async def dial(self, verb: ElementTree.Element, base: str) -> bool:
        """Call somebody else and connect the two."""
        noun = next((inner for inner in verb if inner.tag in {"Number", "Client"}), verb)
        number = "".join(noun.itertext()).strip()
        form = {
            "Timeout": verb.get("timeout", "30"),
            "Url": noun.get("url", ""),
            "StatusCallback": noun.get("statusCallback", ""),
            "StatusCallbackEvent": noun.get("statusCallbackEvent", ""),
        }
        leg = LiveCall(
            sid="CA" + self.call.sid[2:][::-1],
            account_sid=self.call.account_sid,
            token=self.call.token,
            sender=verb.get("callerId") or self.call.sender,
            recipient=number,
            form=form,
            answer=BY_LAST_DIGITS.get(number[-4:], "") if NUMBER.fullmatch(number) else "no_answer",
            parent=self.call,
        )
        self.note(self.call, "DIAL", f"Is put through to {number}", "")
        self.place(leg)
        told = {"DialCallSid": leg.sid}
        self.call.waits_for = "hang_up"
        try:
            await self.call.command(LONGEST_CALL, "leg_over")
        except HungUp:
            leg.commands.put_nowait(("cancel", ""))
            status = "completed" if leg.answered_at else "canceled"
            await self.ask(verb, base, told | {"DialCallStatus": status})
            raise
        return await self.ask(verb, base, told | {"DialCallStatus": leg.status, "DialCallDuration": str(leg.seconds)})

    async def ask(self, verb: ElementTree.Element, base: str, told: Mapping[str, str]) -> bool:
        """Tell the verb's `action` what came of it, and do what it answers; without one the document goes on."""
        if not verb.get("action"):
            return True
        await self.fetch(urljoin(base, verb.get("action", "")), told)
        return False

    async def talk(self) -> None:
        """Let people talk until somebody hangs up."""
        self.call.waits_for = "hang_up"
        if not self.call.is_by_itself:
            await self.call.command(LONGEST_CALL)
        self.call.waits_for = ""

    async def progress(self, status: str, event: str, more: Mapping[str, str] | None = None) -> None:
        """Bring the call on and tell of it, where that is wanted."""
        self.call.status = status
        url = self.call.form.get("StatusCallback", "")
        events = self.call.form.get("StatusCallbackEvent") or "completed"
        if url and event in events.split():
            told = {"CallbackSource": "call-progress-events", "SequenceNumber": str(self.call.sequence)}
            self.call.sequence += 1
            await self.tell(self.call, url, told | dict(more or {}))


class Leg(Course):
    """Leads the call to a destination: once it has heard what it is told first, the two talk."""

    async def act(self) -> None:
        await super().act()
        self.note(self.call, "TALK", "The two are connected", "")
        await self.talk()
