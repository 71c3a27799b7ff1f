from datetime import UTC, datetime
from uuid import UUID

import pytest

from workflows.crm.copies import ContactCopy, ContactView
from workflows.templating import RenderProblem, compile_template
from workflows.templating.environment import HTML

CONTACT = ContactView(
    ContactCopy(
        id=UUID(int=1),
        account_id=UUID(int=2),
        first_name="Ada",
        email="ada@example.com",
        custom_fields={"score": 3.5, "is_vip": True, "colors": ["Red", "Blue"], "born": "1815-12-10"},
        tags={"vip": "VIP", "lead": "Lead"},
    )
)
CONTEXT = {
    "contact": CONTACT,
    "account": {"name": "Acme", "timezone": "Europe/Berlin"},
    "trigger": {"form": {"name": "Demo"}, "at": "2026-07-01T10:00:00Z", "items": [{"name": "a"}, {"name": "b"}]},
    "steps": {"send_email": {"message_id": "m1", "count": 2}},
    "now": datetime(2026, 5, 4, 22, 30, tzinfo=UTC),
}


def render(source, *, html=False, **context):
    return compile_template(source, html=html).render({**CONTEXT, **context})


class TestRendering:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("plain", "plain"),
            ("", ""),
            ("{ { contact } }", "{ { contact } }"),
            ("Hi {{ contact.first_name }}!", "Hi Ada!"),
            ("Hi {{ contact.last_name | default: 'there' }}!", "Hi there!"),
            ("{{ contact.custom_fields.score }}", "3.5"),
            ("{{ contact.custom_fields.is_vip }}", "true"),
            ("{{ contact.custom_fields.colors }}", "RedBlue"),
            ("{{ contact.tags | join: ', ' }}", "VIP, Lead"),
            ("{{ contact.tags.size }} {{ contact.tags.first }}", "2 VIP"),
            ("{{ steps.send_email.message_id }}{{ steps['send_email'].count | plus: 1 }}", "m13"),
            ("{{ trigger.form.name | upcase }}", "DEMO"),
            ("{{ trigger.form }}", '{"name": "Demo"}'),
            ("{% for item in trigger.items %}{{ forloop.index }}{{ item.name }}{% endfor %}", "1a2b"),
            ("{% if contact.custom_fields.score > 3 %}high{% else %}low{% endif %}", "high"),
            ("{% assign name = contact.first_name %}{{ name }}", "Ada"),
            ("{% raw %}{{ contact }}{% endraw %}", "{{ contact }}"),
            ("a{% comment %}b{% endcomment %}c", "ac"),
            ("{{ 7 | times: 7 }}", "49"),
            ("{{ 'a,b,a' | split: ',' | uniq | join: '-' }}", "a-b"),
            ("{{ '<p>Hi <b>Ada</b></p>' | strip_html }}", "Hi Ada"),
            ("{{ contact.first_name | replace: 'A', 'E' }}", "Eda"),
            ("{% echo contact.first_name %}", "Ada"),
        ],
    )
    def test_gives(self, source, expected):
        assert render(source) == expected

    @pytest.mark.parametrize(
        "source",
        [
            "{{ contact.nothing }}",
            "{{ contact.nothing.deeper[0].still }}",
            "{{ contact['__class__'] }}",
            "{{ contact._copy.id }}",
            "{{ contact.__class__.__mro__ }}",
            "{{ contact.get }}{{ contact.keys }}",
            "{{ account.name.upper }}{{ account.name.format }}",
            "{{ contact.tags[99] }}{{ contact.first_name[0] }}",
            "{{ steps.unknown.result }}",
            "{{ nobody }}{{ now }}",
        ],
    )
    def test_leaves_out_what_is_not_there(self, source):
        assert render(source, now=None) == ""

    @pytest.mark.parametrize("hostile", ["{{ 7 | times: 7 }}", "{% for i in (1..9) %}", "{{7*7}}", "${7*7}", "%s%n{0}"])
    def test_never_reads_a_value_as_a_template(self, hostile):
        contact = ContactView(ContactCopy(id=UUID(int=1), account_id=UUID(int=2), first_name=hostile))
        assert (
            render("{{ contact.first_name }} {{ contact.name | append: '' }}", contact=contact)
            == f"{hostile} {hostile}"
        )

    def test_never_shows_a_python_object(self):
        assert render("{{ contact }}").startswith('{"id": "00000000-0000-0000-0000-000000000001", "first_name": "Ada"')
        assert render("{{ contact.owner }}") == '{"id": "", "name": "", "email": ""}'

    def test_reaches_no_attribute_of_an_object(self):
        class Trap:
            secret = "s3cret"

            def __getitem__(self, name):
                return self.secret

            def __str__(self):
                return "trap"

        assert render("{{ trap.secret }}{{ trap['secret'] }}", trap=Trap()) == ""

    def test_shows_the_contact_as_it_is_now(self):
        copy = ContactCopy(id=UUID(int=1), account_id=UUID(int=2), first_name="Ada")
        template = compile_template("{{ contact.first_name }}")
        assert template.render({"contact": ContactView(copy)}) == "Ada"
        copy.first_name = "Augusta"
        assert template.render({"contact": ContactView(copy)}) == "Augusta"

    def test_keeps_nothing_between_renderings(self):
        source = "{% increment n %}{% assign seen = contact.first_name %}{{ seen }}"
        assert render(source) == render(source) == "0Ada"


class TestDate:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("{{ trigger.at | date: '%d.%m.%Y %H:%M' }}", "01.07.2026 12:00"),
            ("{{ trigger.at | date: '%H:%M', 'America/New_York' }}", "06:00"),
            ("{{ contact.custom_fields.born | date: '%d %B %Y' }}", "10 December 1815"),
            ("{{ 'now' | date: '%Y-%m-%d %H:%M' }}", "2026-05-05 00:30"),
            ("{{ 'today' | date: '%Y-%m-%d', 'UTC' }}", "2026-05-04"),
            ("{{ 0 | date: '%Y-%m-%d', 'UTC' }}", "1970-01-01"),
            ("{{ '20260131' | date: '%d.%m.%Y' }}", "31.01.2026"),
            ("{{ 'next week' | date: '%Y' }}", "next week"),
            ("{{ contact.nothing | date: '%Y' }}", ""),
            ("{{ 99999999999999999999 | date: '%Y' }}", "99999999999999999999"),
        ],
    )
    def test_gives(self, source, expected):
        assert render(source) == expected

    @pytest.mark.parametrize(
        "source", ["{{ 'now' | date: '%Y', 'Nowhere/Land' }}", "{{ 'now' | date: '%Y', '../../etc/passwd' }}"]
    )
    def test_refuses_a_zone_that_does_not_exist(self, source):
        with pytest.raises(RenderProblem, match="there is no time zone"):
            render(source)


class TestHTML:
    HOSTILE = "<script>alert('x')</script>&\""
    ESCAPED = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#34;"

    def test_escapes_values_and_leaves_the_text_of_the_template(self):
        contact = {"first_name": self.HOSTILE}
        assert render("<p>{{ contact.first_name }}</p>", html=True, contact=contact) == f"<p>{self.ESCAPED}</p>"

    def test_escapes_nothing_elsewhere(self):
        assert render("{{ contact.first_name }}", contact={"first_name": self.HOSTILE}) == self.HOSTILE

    def test_does_not_escape_twice(self):
        assert render("{{ contact.first_name | escape }}", html=True, contact={"first_name": "<"}) == "&lt;"

    @pytest.mark.parametrize("filter_name", sorted(HTML.filters))
    @pytest.mark.parametrize(
        "source", ["{{{{ value | {} }}}}", "{{{{ values | {} }}}}", "{{{{ '' | append: value | {} }}}}"]
    )
    def test_lets_no_filter_undo_the_escaping(self, filter_name, source):
        try:
            text = render(source.format(filter_name), html=True, value=self.HOSTILE, values=[self.HOSTILE] * 2)
        except RenderProblem:
            return
        assert "<script" not in text

    @pytest.mark.parametrize(
        "source",
        [
            "{% capture text %}{{ value }}{% endcapture %}{{ text }}",
            "{% capture text %}{{ value }}{% endcapture %}{{ text | replace: 'alert', value }}",
            "{% assign text = value %}{{ text }}",
            "{{ '<b>' | append: value }}",
            "{{ value | prepend: '<b>' }}",
            "{{ '<b>|<i>' | split: '|' | join: value }}",
            "{{ values | join: '<b>' }}",
            "{{ values | first }}{{ values[0] }}{{ values }}",
            "{% for each in values %}{{ each }}{% endfor %}",
            "{{ mapping }}",
            "{% echo value %}",
            "{{ value | url_encode | url_decode }}",
            "{{ value | base64_encode | base64_decode }}",
            "{{ missing | default: value }}",
            "{{ '<<b>b>' | replace: 'b', value }}",
        ],
    )
    def test_lets_no_detour_undo_the_escaping(self, source):
        context = {"value": self.HOSTILE, "values": [self.HOSTILE] * 2, "mapping": {"key": self.HOSTILE}}
        assert "<script" not in render(source, html=True, **context)
