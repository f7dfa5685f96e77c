"""Credits and usage: one page, a record's own page, and the ledger as CSV."""

from django.urls import path

from patchbay.kernel.usage import views

app_name = "credits"
urlpatterns = [
    path("usage", views.overview, name="overview"),
    path("usage/ledger.csv", views.export, name="export"),
    path("usage/budget", views.set_budget, name="budget"),
    path("usage/balance", views.balance, name="balance"),
    path("usage/<str:request_id>", views.record, name="record"),
]
