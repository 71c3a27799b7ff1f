"""Production: every secret comes from the environment, HTTPS only."""

from config.settings.base import *  # noqa: F403
from config.settings.base import LOGGING, env

DEBUG = False
ROW_SECURITY_REQUIRED = True
SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEYS = env.list("SECRET_KEYS")  # Fernet keys of the secrets at rest, the newest first
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING["root"]["level"] = LOG_LEVEL  # type: ignore[index]  # a dictionary of dictionaries
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
PUBLIC_URL = env.str("PUBLIC_URL", default=f"https://{ALLOWED_HOSTS[0]}")  # what links in mails begin with
# for mails to owners of workflows, e.g. smtp+tls://user:password@host:587
vars().update(env.email("EMAIL_URL", default="smtp://localhost:25"))
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-sessionid"  # the browser takes it over HTTPS and from this very host only
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrftoken"
REQUIRE_MFA = env.str("REQUIRE_MFA", default="staff")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
