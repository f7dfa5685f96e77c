"""Addresses of the pages that look over everything."""

from django.urls import path

from patchbay.site import pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("dashboard", pages.dashboard, name="dashboard"),
    path("docs", pages.docs, name="docs"),
    path("docs/errors", pages.error_docs, name="docs_errors"),
    path("mail", pages.outbox, name="mail"),
    path("mail/<str:message_id>", pages.outbox_message, name="mail_message"),
]
