"""From templates to a mail for one contact: rendered, with links, preview text and footer in place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.messaging import markup, tracking
from workflows.messaging.links import rewrite_links, with_parameters
from workflows.messaging.mailboxes import one_line
from workflows.messaging.plaintext import text_of
from workflows.messaging.tokens import Sent
from workflows.templating import TEMPLATE_ROOTS, Work, compile_template

MAXIMUM_SUBJECT_LENGTH = 255
MAIL_ROOTS = (*TEMPLATE_ROOTS, "unsubscribe_url")
"""The variables that the bodies of mails see."""


class Unsendable(Exception):
    """The templates make no mail for this contact; the message says why."""


@dataclass(frozen=True, slots=True)
class MailSource:
    """A mail as its author wrote it, in Liquid; one of the bodies may be empty."""

    subject: str
    body_html: str = ""
    body_text: str = ""
    preview_text: str = ""


@dataclass(frozen=True, slots=True)
class Dressing:
    """What is added to a mail: who sends it, and what is to be learned from it."""

    sender: str
    is_marketing: bool = False
    track_opens: bool = False
    track_clicks: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Query parameters for its links, e.g. `utm_source`."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to be sent; `html` may be empty, `text` is not."""

    subject: str
    html: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


def compose(source: MailSource, context: Mapping[str, Any], *, sent: Sent, dressing: Dressing, work: Work) -> Mail:
    """Return the mail for the contact of a context.

    Raises TemplateProblem, RenderProblem, or Unsendable when the subject is empty or too long, or nothing is said.
    """
    unsubscribe_url = tracking.unsubscribe_url(sent)
    context = {**context, "unsubscribe_url": unsubscribe_url}
    subject = one_line(compile_template(source.subject).render(context, work=work))
    if not subject:
        raise Unsendable("The subject is empty after rendering.")
    if len(subject) > MAXIMUM_SUBJECT_LENGTH:
        raise Unsendable(f"The subject has {len(subject)} characters after rendering; {MAXIMUM_SUBJECT_LENGTH} fit.")
    html = lines(compile_template(source.body_html, html=True).render(context, work=work))
    text = lines(compile_template(source.body_text).render(context, work=work)) or text_of(html)
    if not (html or text):
        raise Unsendable("The mail is empty after rendering.")
    preview = one_line(compile_template(source.preview_text).render(context, work=work))
    headers = {}
    if dressing.is_marketing:
        headers = {
            "List-Unsubscribe": f"<{unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
        if unsubscribe_url not in text:
            text += markup.text_footer(dressing.sender, unsubscribe_url)
    if html:
        html = dressed(html, preview=preview, sent=sent, dressing=dressing, unsubscribe_url=unsubscribe_url)
    return Mail(subject, html, text, headers)


def dressed(html: str, *, preview: str, sent: Sent, dressing: Dressing, unsubscribe_url: str) -> str:
    """Return HTML with everything added. The unsubscribe link is never followed through us, nor given parameters."""

    def rewrite(url: str) -> str:
        if url == unsubscribe_url:
            return url
        url = with_parameters(url, dressing.parameters)
        return tracking.click_url(sent, url) if dressing.track_clicks else url

    document = markup.framed(rewrite_links(html, rewrite))
    if preview:
        document = markup.with_preview(document, preview)
    if dressing.is_marketing and unsubscribe_url not in html:
        document = markup.with_ending(document, markup.footer(dressing.sender, unsubscribe_url))
    if dressing.track_opens:
        document = markup.with_ending(document, markup.pixel(tracking.pixel_url(sent)))
    return document


def lines(text: str) -> str:
    """Return text whose lines end in \\n alone; empty when there are blanks only."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if text.strip() else ""
