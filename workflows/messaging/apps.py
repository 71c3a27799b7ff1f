from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "workflows.messaging"
    label = "messaging"
    verbose_name = "Messaging"
