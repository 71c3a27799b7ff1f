"""The newcomer's machine: everything local, nothing to configure."""

from config.secret_key import local_encryption_key, local_secret_key
from config.settings.base import *  # noqa: F403
from config.settings.base import DATA_DIR, env

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or local_secret_key(DATA_DIR)
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
WHITENOISE_USE_FINDERS = True  # static files straight from the packages: no collectstatic
EMAIL_BACKEND = "workflows.messaging.postbox.django_mail.PostboxBackend"  # mails to owners of workflows
SECRET_KEYS = env.list("SECRET_KEYS", default=[]) or [local_encryption_key(DATA_DIR)]
OUTBOUND_ALLOW_NETWORKS = env.list("OUTBOUND_ALLOW_NETWORKS", default=["127.0.0.1/32"])
METRICS_OPEN = True
POSTBOX_ENABLED = True
POSTBOX_IS_DEFAULT = True
