"""The action `send_voicemail`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from workflows.actions.base import Category, Step, StepBatch, shortened
from workflows.actions.calls import IS_TRIAL, RESULTS, CallType, Plan, Planner
from workflows.actions.config import ActionConfig
from workflows.actions.outcomes import Failed
from workflows.actions.outside import ErrorClass, RetryPolicy
from workflows.actions.registry import registry
from workflows.configs.calls import AudioField, Detection, usual_detection
from workflows.configs.fields import BooleanField, ChoiceField, IntegerField
from workflows.configs.hints import Hint
from workflows.configs.references import missing_detail
from workflows.configs.sms import OwnNumberField
from workflows.messaging.models import Media
from workflows.messaging.providers.twilio import twiml
from workflows.messaging.services.audio import MAXIMUM_SECONDS, public_url
from workflows.messaging.services.call_scripts import Voicemail

RING_SECONDS = 60
ANSWERING_SECONDS = 120
"""For the longest greeting of a machine and the detection."""


@registry.register
class SendVoicemail(CallType):
    """Call the contact and leave a recording when a machine answers.

    The recording is played behind the machine's greeting. When a person answers, or nobody can tell who did, `on_human`
    says whether it is played to them or the call ends; a fax gets nothing. Without `machine_detection` it is played to
    whoever answers. The step waits until the call is over and tells who answered and what came of it, so that later
    steps can decide on `steps.<key>.outcome`; a call that could not be placed fails it.

    Marketing needs the contact's recorded opt-in to calls and stays within the law's calling hours at the contact's
    place; `respect_quiet_hours` keeps out 21:00–09:00 by the contact's clock for any purpose. Recorded calls may be
    bound by further laws, which this step does not know. Twilio knows no idempotency keys: where its answer was lost,
    the call is looked up there; if it cannot be found, the step becomes `outcome_unknown` until a callback or a person
    settles it, and nobody is called again unasked.
    """

    slug = "send_voicemail"
    label = "Send voicemail"
    category = Category.COMMUNICATION
    icon = "voicemail"
    example = {"audio_file_id": "0198c0de-0000-7000-8000-00000000a0d1", "from_number": "+14155550100"}
    results = {
        **RESULTS,
        "answered_by": "Who answered: `human`, `machine_end_beep`, `machine_end_silence`, `machine_end_other`, `fax` "
        "or `unknown`; null: nobody, or it was not looked for.",
        "duration_seconds": "From the answer to the end.",
        "outcome": "`voicemail_left` (played to a machine), `played` (to who answered), `not_played` (answered by a "
        "person who is not to hear it, a fax, or who hung up before), `busy`, `no_answer`, `canceled`; `failed`, with "
        "the step.",
    }

    class Config(ActionConfig):
        hints = {
            "from_number": Hint(placeholder="+14155550100"),
            "on_human": Hint(shown_when={"machine_detection": [True]}),
            "respect_quiet_hours": Hint(label="Respect quiet hours"),
            "amd": Hint(label="Machine detection", group="Fine-tune machine detection"),
            "retry_on_busy": Hint(group="When the line is busy"),
            "max_retries": Hint(group="When the line is busy"),
        }

        audio_file_id = AudioField(
            help_text="The recording: a file of the account, MP3 or WAV by its content, ≤ 5 MB and 5 minutes."
        )
        from_number = OwnNumberField(
            type="voice", help_text="A number of one of the account's connections that makes calls, in E.164."
        )
        purpose = ChoiceField(
            ["marketing", "transactional"],
            default="marketing",
            help_text="`marketing` needs the contact's opt-in to calls; `transactional` is for reminders and the like.",
        )
        machine_detection = BooleanField(
            default=True, help_text="Whether to find out who answered; else it is played at once."
        )
        on_human = ChoiceField(
            ["hang_up", "play"], default="hang_up", help_text="What happens when a person answers, not a machine."
        )
        respect_quiet_hours = BooleanField(
            default=True,
            help_text="Whether nobody is called from 21:00 to 09:00 by their clock; marketing keeps to the law's hours "
            "in any case.",
        )
        amd = Detection(default=usual_detection, help_text="How machines are told from people.")
        retry_on_busy = BooleanField(default=False, help_text="Whether a busy line is called again.")
        max_retries = IntegerField(
            min_value=0,
            max_value=5,
            default=1,
            help_text="How often it is called again when the line was busy or Twilio could not be reached, 0–5: after "
            "1 minute, then 2, 4 …; the action's own `retry` comes before.",
        )

    def planner(self, steps: StepBatch) -> Planner | Failed:
        config = steps.config
        media_id = UUID(config["audio_file_id"])
        media = Media.objects.for_account(steps.account.id).filter(id=media_id).first()
        if media is None:
            return Failed(ErrorClass.INVALID_CONFIG, missing_detail("media"), {"code": "media_not_found"})
        script = Voicemail(
            media_id=str(media_id),
            plays_to_people=config["on_human"] == "play" or not config["machine_detection"],
            repeats_busy=config["retry_on_busy"],
        ).as_json()
        is_trial = config.get(IS_TRIAL)
        url = public_url(account_id=steps.account.id, media_id=media_id, today=steps.now.date())
        plan = Plan(
            script=script,
            options={
                "ring_seconds": RING_SECONDS,
                "most_seconds": ANSWERING_SECONDS + MAXIMUM_SECONDS,
                "record": False,
                "detection": detection_of(config["amd"]) if config["machine_detection"] and not is_trial else None,
                "twiml": twiml.play(url) if is_trial else "",
            },
            longest_seconds=RING_SECONDS + ANSWERING_SECONDS + MAXIMUM_SECONDS,
            text=media.name,
            data={"audio_file": media.name},
        )

        def plan_of(step: Step) -> Plan:
            return plan

        return plan_of

    def retry_policy(self, config: Mapping[str, Any], error_class: ErrorClass) -> RetryPolicy | None:
        return None if error_class is ErrorClass.RATE_LIMITED else RetryPolicy(maximum=config["max_retries"])

    def summary(self, config: Mapping[str, Any]) -> str:
        return shortened(f"Leave a voicemail from {config['from_number']}") if config.get("from_number") else ""


def detection_of(amd: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of Twilio's detection of machines as the SDK names them."""
    return {
        "machine_detection": "DetectMessageEnd",
        "machine_detection_timeout": amd["timeout_seconds"],
        "machine_detection_speech_threshold": amd["speech_threshold_ms"],
        "machine_detection_speech_end_threshold": amd["speech_end_threshold_ms"],
        "machine_detection_silence_timeout": amd["silence_timeout_ms"],
    }
