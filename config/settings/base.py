"""What holds in every environment; the other modules say only what differs."""

import zoneinfo
from pathlib import Path

from django.templatetags.static import static
from django.urls import reverse_lazy

from config.postgres import embedded_database, uses_embedded_server
from config.settings.environment import env
from config.settings.headers import *  # noqa: F403
from config.settings.login import *  # noqa: F403
from config.settings.logs import *  # noqa: F403

zoneinfo.reset_tzpath([])  # the pinned tzdata package, never the system's older copy

BASE_DIR = Path(__file__).resolve().parents[2]
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

INSTALLED_APPS = [
    "config.apps.StaffSiteConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "procrastinate.contrib.django",
    "rest_framework",
    "django_filters",
    "drf_standardized_errors",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "config.apps.ProjectConfig",
    "accounts",
    "workflows.crm",
    "workflows.messaging",
    "workflows",
]

MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "config.requests.RequestLogMiddleware",
    "config.metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.headers.HeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.TenancyMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.requests.SessionLogMiddleware",
    "accounts.login.second_factor.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"texts": "accounts.admin.texts"},
        },
    }
]

DATABASES = {"default": embedded_database(DATA_DIR) if uses_embedded_server() else env.db_url("DATABASE_URL")}
if not uses_embedded_server() and (owner_url := env.str("DATABASE_OWNER_URL", default="")):
    DATABASES["default"]["OWNER"] = {key: env.db_url_config(owner_url)[key] for key in ("USER", "PASSWORD")}
DATABASES["default"].update(ENGINE="config.database", CONN_MAX_AGE=300, CONN_HEALTH_CHECKS=True, ATOMIC_REQUESTS=False)
ROW_SECURITY_REQUIRED = False  # whether to refuse a database role that row level security does not bind
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
MEDIA_ROOT = DATA_DIR / "media"

PUBLIC_REQUESTS_PER_MINUTE = env.int("PUBLIC_REQUESTS_PER_MINUTE", default=6000)  # of one client address
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
APPEND_SLASH = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.ApiKeyAuthentication",
        "accounts.api.authentication.MemberSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.RolePermission"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["accounts.api.renderers.OrjsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "accounts.api.negotiation.LenientNegotiation",
    "DEFAULT_PAGINATION_CLASS": "accounts.api.pagination.ItemsPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "accounts.api.filters.StrictFilterBackend",
        "accounts.api.filters.ItemSearchFilter",
        "accounts.api.filters.ItemOrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "accounts.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "accounts.api.errors.exception_handler",
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.NamespaceVersioning",
    "DEFAULT_VERSION": "v1",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "COERCE_DECIMAL_TO_STRING": False,
    "URL_FORMAT_OVERRIDE": None,
}
DRF_STANDARDIZED_ERRORS = {
    "ALLOWED_ERROR_STATUS_CODES": ["400", "401", "403", "404", "409", "412", "413", "415", "429", "503"]
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Followthrough API",
    "DESCRIPTION": "Contacts, workflows and their runs. Errors have one shape; see the error schemas.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "accounts.api.schema.share_error_responses",
        "accounts.api.schema.share_headers",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ExecutionStatus": "workflows.models.ExecutionStatus",
        "StepStatus": "workflows.models.ActionExecutionStatus",
        "WorkflowStatus": "workflows.models.WorkflowStatus",
        "ImportStatus": "workflows.crm.models.ImportStatus",
        "ImportHandling": "workflows.crm.models.ImportHandling",
        "TaskStatus": "workflows.crm.models.TaskStatus",
        "TaskPriority": "workflows.crm.models.TaskPriority",
        "NoteType": "workflows.crm.models.NoteType",
        "CampaignStatus": "workflows.crm.models.CampaignStatus",
        "LeftReason": "workflows.crm.models.LeftReason",
        "AccessStatus": "workflows.crm.models.AccessStatus",
        "CallStatus": "workflows.messaging.models.CallStatus",
        "AccessLevel": "workflows.crm.models.AccessLevel",
        "OpportunityStatus": "workflows.crm.models.OpportunityStatus",
        "StageKind": "workflows.crm.models.StageKind",
        "CallOutcome": "workflows.messaging.models.CallOutcome",
        "Settlement": ["sent", "not_sent"],
    },
}

UNFOLD = {
    "SITE_TITLE": "Followthrough",
    "SITE_HEADER": "Followthrough",
    "SITE_SYMBOL": "account_tree",
    "SITE_URL": None,  # there is no page outside of the admin
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("accounts/mark.svg")},
    ],
    "STYLES": [lambda request: static("accounts/admin.css")],
    "SIDEBAR": {"show_search": True, "navigation": "workflows.admin.navigation.sidebar"},
    "ENVIRONMENT": "workflows.admin.navigation.environment",
    "DASHBOARD_CALLBACK": "workflows.admin.dashboard.dashboard",
    "ACCOUNT": {
        "navigation": [{"title": "Two-factor authentication", "link": reverse_lazy("mfa_index")}],
    },
}

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # who shows it as a bearer token may read /metrics
METRICS_PORT = env.int("METRICS_PORT", default=0)  # where `manage.py metrics` serves them; 0: nowhere
METRICS_OPEN = False  # whether /metrics answers everyone when there is no token

PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{env.int('PORT', default=8000)}")  # links in mails
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Followthrough <followthrough@localhost>")
EMAIL_TIMEOUT = 10
OUTBOUND_ALLOW_NETWORKS = env.list("OUTBOUND_ALLOW_NETWORKS", default=[])  # CIDRs beyond the public internet
POSTBOX_ENABLED = False  # the stand-in for outside services, see workflows.messaging.postbox
POSTBOX_IS_DEFAULT = False  # whether accounts without a mail server send there

WORKFLOW_LIMITS = {"actions": 50, "workflows": 500, "config_bytes": 64 * 1024, "rendered_bytes": 1024 * 1024}
ENGINE = {
    "batch_size": 500,  # executions claimed at a time
    "transaction_size": 250,  # of them led on in one transaction
    "batch_seconds": 0.3,  # after which a transaction takes no further step: `pause` waits no longer
    "tick_seconds": 5.0,  # after which a tick hands over to the next
    "dispatch_size": 2000,  # events dispatched in one transaction
    "lease_seconds": 20,
    "lock_timeout": "5s",
    "pulse_seconds": 1.0,
    "heartbeat_seconds": 5.0,
    "maximum_visits": 1000,
    "maximum_depth": 25,
    "maximum_jumps": 100,
    "maximum_worker_deaths": 3,
    "lanes": {  # calls that one worker process makes at a time
        "http": {"total": 96, "per_account": 72, "per_host": 24},
        "email": {"total": 32, "per_account": 24, "per_host": 12},
        "sms": {"total": 32, "per_account": 24, "per_host": 12},
        "voice": {"total": 16, "per_account": 12, "per_host": 8},
        "messenger": {"total": 32, "per_account": 24, "per_host": 12},
        "code": {"total": 6, "per_account": 4, "per_host": 4},  # processes of ≤ 200 MB, behind everything else
    },
    "clock_file": env.str("ENGINE_CLOCK_FILE", default=""),  # proofs and the benchmark: seconds ahead of the database
}
PROCRASTINATE_IMPORT_PATHS = ["workflows.engine.ticks"]
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""
