"""What is logged, as JSON on standard error."""

import structlog

from config.logs import exceptions_in_short, without_people
from config.settings.environment import env

LOG_LEVEL = env.str("LOG_LEVEL", default="WARNING")
LOG_EXCEPTION_TEXT = env.bool("LOG_EXCEPTION_TEXT", default=False)  # texts of exceptions may quote what contacts said

STRUCTLOG_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
LAST_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    exceptions_in_short(with_text=LOG_EXCEPTION_TEXT),
    without_people,
    structlog.processors.JSONRenderer(),
]
structlog.configure(
    processors=[*STRUCTLOG_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": LAST_PROCESSORS,
            "foreign_pre_chain": STRUCTLOG_PROCESSORS,
        }
    },
    "filters": {"worth_a_line": {"()": "config.logs.WorthALine"}},
    "loggers": {
        "django.request": {"filters": ["worth_a_line"]},
        "procrastinate": {"level": "WARNING"},  # two lines a tick, and ticks come every second
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}
