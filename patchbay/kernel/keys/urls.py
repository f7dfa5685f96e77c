from django.urls import path

from patchbay.kernel.keys import views

app_name = "keys"
urlpatterns = [
    path("api-keys", views.list_keys, name="list"),
    path("api-keys/new", views.create_key, name="create"),
    path("api-keys/<str:key_id>/change", views.change_key, name="change"),
    path("api-keys/<str:key_id>/rotate", views.rotate_key, name="rotate"),
    path("api-keys/<str:key_id>/revoke", views.revoke_key, name="revoke"),
]
