"""Users, organisations and the memberships between them."""

from typing import Any, ClassVar, cast

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from patchbay.lib.actor import Actor, Role
from patchbay.lib.ids import LENGTH, id_factory


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person; signs in with an e-mail address. Staff are those who run this Patchbay."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("usr"), editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.email


class Organisation(models.Model):
    """A company or team: it owns keys, plugs, documents and credits."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("org"), editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's role in an organisation."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        EDITOR = "editor", "Editor"
        VIEWER = "viewer", "Viewer"

    id = models.CharField(primary_key=True, max_length=LENGTH, default=id_factory("mem"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} of {self.organisation_id}"

    def actor(self, address: str | None = None) -> Actor:
        """Return the member as who acts; needs `user` (loaded by every query of this package)."""
        return Actor(
            kind="user",
            organisation_id=self.organisation_id,
            role=cast(Role, str(self.role)),
            name=self.user.name or self.user.email,
            user_id=self.user_id,
            address=address,
            is_staff=self.user.is_staff,
        )
