from django.apps import AppConfig
from django.core import checks


class MessagingConfig(AppConfig):
    name = "workflows.messaging"
    label = "messaging"
    verbose_name = "Messaging"

    def ready(self) -> None:
        from workflows.messaging.checks import (
            check_outbound_networks,
            check_public_url,
            check_secret_keys,
        )

        checks.register(check_secret_keys)
        checks.register(check_outbound_networks)
        checks.register(check_public_url)
