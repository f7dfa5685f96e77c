"""The pages of plugs. Asking itself is a raw route: `POST /plugs/<slug>/chat` (`api/chat.py`)."""

from django.urls import path

from patchbay.products.plugs import views

app_name = "plugs"
urlpatterns = [
    path("plugs", views.list_plugs, name="list"),
    path("plugs/new", views.create_plug, name="create"),
    path("plugs/<str:slug>", views.chat, name="chat"),
    path("plugs/<str:slug>/delete", views.delete_plug, name="delete_plug"),
    path("plugs/<str:slug>/sessions", views.conversations, name="conversations"),
    path("plugs/<str:slug>/sessions/<str:session_id>/delete", views.delete_session, name="delete_session"),
    path("plugs/<str:slug>/knowledge", views.knowledge, name="knowledge"),
    path("plugs/<str:slug>/documents", views.upload, name="upload"),
    path("plugs/<str:slug>/documents/<str:document_id>", views.read, name="document"),
    path("plugs/<str:slug>/documents/<str:document_id>/reindex", views.reindex, name="reindex"),
    path("plugs/<str:slug>/documents/<str:document_id>/delete", views.delete, name="delete"),
]
