from django.urls import path

from patchbay.kernel.audit import views

app_name = "audit"
urlpatterns = [
    path("audit", views.list_events, name="list"),
    path("audit/check", views.verify, name="verify"),
    path("audit/<str:event_id>", views.show_event, name="event"),
]
