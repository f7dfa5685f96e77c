"""In development, every component with its states."""

from django.conf import settings
from django.urls import URLPattern, path

from patchbay.web import views

urlpatterns: list[URLPattern] = [path("_components", views.components, name="components")] if settings.DEBUG else []
