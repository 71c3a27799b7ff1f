"""The calling hours of the law as known in 2026; people change them in the admin from then on."""

from datetime import date, time

from django.db import migrations

EVERY_DAY = range(7)
WEEKDAYS = range(5)
MONDAY_TO_SATURDAY = range(6)
SATURDAY, SUNDAY, HOLIDAY = 5, 6, 7
WEEKEND = (SATURDAY, SUNDAY)
NO_CALLS = None
SURELY = "2026-01-01"
"""For rules that are older, whose first day is not known for certain."""

RULES = [
    # country, region, days, hours, effective on, source
    ("US", "", EVERY_DAY, ("08:00", "21:00"), "1992-12-20", "47 CFR 64.1200(c)(1)"),
    ("US", "AL", MONDAY_TO_SATURDAY, ("08:00", "20:00"), SURELY, "Ala. Code § 8-19A, Telemarketing Act"),
    ("US", "AL", (SUNDAY, HOLIDAY), NO_CALLS, SURELY, "Ala. Code § 8-19A, Telemarketing Act"),
    ("US", "CT", EVERY_DAY, ("09:00", "20:00"), "2023-10-01", "Conn. Gen. Stat. § 42-288a, Public Act 23-98"),
    ("US", "FL", EVERY_DAY, ("08:00", "20:00"), "2021-07-01", "Fla. Stat. § 501.616(6)(a)"),
    ("US", "IL", EVERY_DAY, ("09:00", "21:00"), SURELY, "815 ILCS 305/15, automatic dialers"),
    ("US", "KY", EVERY_DAY, ("10:00", "21:00"), SURELY, "Ky. Rev. Stat. § 367.46955"),
    ("US", "LA", MONDAY_TO_SATURDAY, ("08:00", "20:00"), SURELY, "La. Rev. Stat. § 45:844.11 ff., PSC order"),
    ("US", "LA", (SUNDAY, HOLIDAY), NO_CALLS, SURELY, "La. Rev. Stat. § 45:844.11 ff., PSC order"),
    ("US", "MA", EVERY_DAY, ("08:00", "20:00"), SURELY, "Mass. Gen. Laws ch. 159C § 3"),
    ("US", "MD", EVERY_DAY, ("08:00", "20:00"), "2024-01-01", "Md. Code, Com. Law § 14-4502, Stop the Spam Calls Act"),
    ("US", "MN", EVERY_DAY, ("09:00", "21:00"), SURELY, "Minn. Stat. § 325E.30"),
    ("US", "MS", MONDAY_TO_SATURDAY, ("08:00", "20:00"), SURELY, "Miss. Code § 77-3-701 ff."),
    ("US", "MS", (SUNDAY,), NO_CALLS, SURELY, "Miss. Code § 77-3-701 ff."),
    ("US", "NM", EVERY_DAY, ("09:00", "21:00"), SURELY, "N.M. Stat. § 57-12-22"),
    ("US", "NV", EVERY_DAY, ("09:00", "20:00"), SURELY, "Nev. Rev. Stat. § 597.814"),
    ("US", "OK", EVERY_DAY, ("08:00", "20:00"), "2022-11-01", "Okla. Stat. tit. 15, § 775C.4"),
    ("US", "RI", WEEKDAYS, ("09:00", "18:00"), SURELY, "R.I. Gen. Laws § 5-61-3.6"),
    ("US", "RI", (SATURDAY,), ("10:00", "17:00"), SURELY, "R.I. Gen. Laws § 5-61-3.6"),
    ("US", "RI", (SUNDAY, HOLIDAY), NO_CALLS, SURELY, "R.I. Gen. Laws § 5-61-3.6"),
    ("US", "TX", MONDAY_TO_SATURDAY, ("09:00", "21:00"), "2009-04-01", "Tex. Bus. & Com. Code § 301.051"),
    ("US", "TX", (SUNDAY,), ("12:00", "21:00"), "2009-04-01", "Tex. Bus. & Com. Code § 301.051"),
    ("US", "UT", MONDAY_TO_SATURDAY, ("08:00", "21:00"), SURELY, "Utah Code § 13-25a-103"),
    ("US", "UT", (SUNDAY, HOLIDAY), NO_CALLS, SURELY, "Utah Code § 13-25a-103"),
    ("US", "WA", EVERY_DAY, ("08:00", "20:00"), "2022-06-09", "Wash. Rev. Code § 80.36.390"),
    ("CA", "", WEEKDAYS, ("09:00", "21:30"), "2008-09-30", "CRTC Unsolicited Telecommunications Rules, part III"),
    ("CA", "", WEEKEND, ("10:00", "18:00"), "2008-09-30", "CRTC Unsolicited Telecommunications Rules, part III"),
    ("GB", "", EVERY_DAY, ("08:00", "21:00"), SURELY, "No statutory hours; code of practice of the DMA"),
    ("AU", "", WEEKDAYS, ("09:00", "20:00"), "2017-04-01", "Telemarketing and Research Calls Industry Standard 2017"),
    (
        "AU",
        "",
        (SATURDAY,),
        ("09:00", "17:00"),
        "2017-04-01",
        "Telemarketing and Research Calls Industry Standard 2017",
    ),
    ("AU", "", (SUNDAY, HOLIDAY), NO_CALLS, "2017-04-01", "Telemarketing and Research Calls Industry Standard 2017"),
    ("FR", "", WEEKDAYS, ("10:00", "13:00"), "2023-03-01", "Décret n° 2022-1313, code de la consommation D. 223-9"),
    ("FR", "", WEEKDAYS, ("14:00", "20:00"), "2023-03-01", "Décret n° 2022-1313, code de la consommation D. 223-9"),
    ("FR", "", (*WEEKEND, HOLIDAY), NO_CALLS, "2023-03-01", "Décret n° 2022-1313, code de la consommation D. 223-9"),
    ("ES", "", WEEKDAYS, ("09:00", "21:00"), "2014-06-13", "Real Decreto Legislativo 1/2007, art. 96.2"),
    ("ES", "", (*WEEKEND, HOLIDAY), NO_CALLS, "2014-06-13", "Real Decreto Legislativo 1/2007, art. 96.2"),
]


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
    model.objects.bulk_create([model(**row) for row in rows()])


class Migration(migrations.Migration):
    dependencies = [("messaging", "0005_calling_hours")]

    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
