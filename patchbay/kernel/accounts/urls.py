"""Signing in (allauth's views under the names that allauth expects), settings and members."""

from allauth.account import views as allauth
from django.urls import path, re_path

from patchbay.kernel.accounts import views
from patchbay.kernel.accounts.views import refusing

urlpatterns = [
    path("login", refusing(allauth.login), name="account_login"),
    path("logout", allauth.logout, name="account_logout"),
    path("register", views.register, name="account_signup"),
    path("login/inactive", allauth.account_inactive, name="account_inactive"),
    path("login/again", refusing(allauth.reauthenticate), name="account_reauthenticate"),
    path("password/change", refusing(allauth.password_change), name="account_change_password"),
    path("password/reset", refusing(allauth.password_reset), name="account_reset_password"),
    path("password/reset/sent", allauth.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z_]+)-(?P<key>.+)$",
        refusing(allauth.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path("password/reset/done", allauth.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("settings", views.settings, name="settings"),
    path("settings/organisation", views.save_organisation, name="settings_organisation"),
    path("settings/profile", views.save_profile, name="settings_profile"),
    path("settings/sessions/others", views.end_others, name="settings_end_others"),
    path("settings/sessions/<int:session_id>", views.end_session, name="settings_end_session"),
    path("organisation/switch", views.switch_organisation, name="switch_organisation"),
    path("members", views.members, name="members"),
    path("members/<str:membership_id>/role", views.change_role, name="member_role"),
    path("members/<str:membership_id>/remove", views.remove_member, name="member_remove"),
]
