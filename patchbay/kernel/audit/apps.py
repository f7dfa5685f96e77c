from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "patchbay.kernel.audit"
    label = "audit"
