"""The tables without a policy, each with its reason.

A table that belongs to no account and is not here fails `manage.py check`.
"""

PEOPLE = (
    "A person signs in before an account is known; memberships, which have a policy, say in which accounts they are."
)
RIGHTS = "Django's own rights of staff: the same for all accounts."
CARRIER = "Carries ticks, which name ids and hold nothing of a customer; workers take them for all accounts."
SCHEMA = "What the installation is made of: the same for all accounts."
LOGIN = "Guards the sign-in, where a person is known and no account yet."

EXEMPTIONS: dict[str, str] = {
    "account_emailaddress": LOGIN,
    "account_emailconfirmation": LOGIN,
    "accounts_cache": "Counts attempts to sign in and remembers codes once used; holds nothing of an account.",
    "accounts_user": PEOPLE,
    "accounts_user_groups": RIGHTS,
    "accounts_user_user_permissions": RIGHTS,
    "auth_group": RIGHTS,
    "auth_group_permissions": RIGHTS,
    "auth_permission": RIGHTS,
    "accounts_visitwindow": "Counts requests of strangers by their address, before any account is known.",
    "axes_accessattempt": LOGIN,
    "axes_accessattemptexpiration": LOGIN,
    "axes_accessfailurelog": LOGIN,
    "axes_accesslog": LOGIN,
    "django_admin_log": "Django's admin notes what a person did there, and shows it to that person alone.",
    "django_content_type": SCHEMA,
    "django_migrations": SCHEMA,
    "django_session": "A session belongs to a browser; it is read before the person, and so the account, is known.",
    "messaging_callinghours": "The law's hours: the same for all accounts; only superusers change them.",
    "mfa_authenticator": LOGIN,
    "procrastinate_events": CARRIER,
    "procrastinate_jobs": CARRIER,
    "procrastinate_periodic_defers": CARRIER,
    "procrastinate_workers": CARRIER,
    "workflow_worker_heartbeats": "Says which worker processes live; they work for all accounts.",
}
