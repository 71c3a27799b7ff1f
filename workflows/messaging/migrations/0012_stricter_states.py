"""More states that are stricter than the country, and the sections that say so; people change them in the admin."""

from datetime import date, time

from django.db import migrations

EVERY_DAY = range(7)
WEEKDAYS = range(5)
SATURDAY, SUNDAY, HOLIDAY = 5, 6, 7
WEEKEND = (SATURDAY, SUNDAY)
NO_CALLS = None
SURELY = "2026-01-01"
"""For rules that are older, whose first day is not known for certain."""

RULES = [
    # country, region, days, hours, effective on, source
    ("US", "ME", WEEKDAYS, ("09:00", "17:00"), SURELY, "10 Me. Rev. Stat. § 1498, automated calling devices"),
    ("US", "ME", WEEKEND, NO_CALLS, SURELY, "10 Me. Rev. Stat. § 1498, automated calling devices"),
    ("US", "MI", EVERY_DAY, ("09:00", "21:00"), SURELY, "Mich. Comp. Laws § 750.540e; § 445.111 ff."),
    ("US", "OR", EVERY_DAY, ("08:00", "20:00"), "2026-01-01", "Or. Rev. Stat. § 646.561 ff., House Bill 3865 (2025)"),
    ("US", "PA", (HOLIDAY,), NO_CALLS, "2019-12-03", "73 Pa. Stat. § 2245.2, Act 73 of 2019"),
    ("US", "PA", (SUNDAY,), NO_CALLS, "2026-10-18", "73 Pa. Stat. § 2245, Senate Bill 992 (2025–26)"),
    (
        "US",
        "SD",
        WEEKDAYS,
        ("09:00", "21:00"),
        "1991-07-01",
        "S.D. Codified Laws § 37-30-28, automated dialing systems",
    ),
    ("US", "SD", WEEKEND, NO_CALLS, "1991-07-01", "S.D. Codified Laws § 37-30-28, automated dialing systems"),
    ("US", "WY", EVERY_DAY, ("08:00", "20:00"), SURELY, "Wyo. Stat. § 40-12-302"),
    ("CA", "BC", (HOLIDAY,), NO_CALLS, SURELY, "Telemarketer Licensing Regulation, B.C. Reg. 83/2005"),
]

SOURCES = {
    "Ala. Code § 8-19A, Telemarketing Act": "Ala. Code § 8-19A-1 ff.; Ala. Admin. Code r. 770-X-5-.17",
    "La. Rev. Stat. § 45:844.11 ff., PSC order": "La. Rev. Stat. § 45:811; PSC General Order R-29617",
    "Miss. Code § 77-3-701 ff.": "Miss. Code § 77-3-723",
    "R.I. Gen. Laws § 5-61-3.6": "R.I. Gen. Laws §§ 5-61-2(9), 5-61-3.6",
}
"""Rows that nobody has changed say more exactly where they come from."""


def rows():
    """Yield each row's values by field."""
    for country, region, days, hours, effective_on, source in RULES:
        for weekday in days:
            yield {
                "country": country,
                "region": region,
                "weekday": weekday,
                "start": time.fromisoformat(hours[0]) if hours else None,
                "end": time.fromisoformat(hours[1]) if hours else None,
                "effective_on": date.fromisoformat(effective_on),
                "source": source,
            }


def load(apps, schema_editor):
    model = apps.get_model("messaging", "CallingHours")
    model.objects.bulk_create([model(**row) for row in rows()], ignore_conflicts=True)
    for before, after in SOURCES.items():
        model.objects.filter(source=before).update(source=after)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0011_calls")]

    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
