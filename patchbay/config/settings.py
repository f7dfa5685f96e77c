"""Settings: everything an operator may set is an environment variable named `PATCHBAY_…` (docs/settings.md)."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from patchbay.config.environment import SettingError, encryption_keys, make_data_dir, redis_url, whole_number

PACKAGE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("PATCHBAY_DATA_DIR", ".data")).resolve()
PORT = whole_number("PATCHBAY_PORT", 8000, low=1, high=65535)
HOST = os.environ.get("PATCHBAY_HOST", "127.0.0.1")
BASE_URL = os.environ.get("PATCHBAY_BASE_URL", f"http://localhost:{PORT}").rstrip("/")
DEBUG = os.environ.get("PATCHBAY_DEBUG", "") == "1"
SECURE = BASE_URL.startswith("https://")


def _kept_secret(name: str) -> str:
    """Return the secret kept in the data folder, made on first use and readable by its owner alone."""
    path = DATA_DIR / name
    if not path.exists():
        make_data_dir(DATA_DIR)
        fresh = DATA_DIR / f".{name}.{os.getpid()}"
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)  # atomic: two processes that start together agree on one secret
        fresh.unlink()
    return path.read_text()


IDLE_IN_TRANSACTION_SECONDS = 15


def _database(url: str) -> dict[str, Any]:
    """Read a `postgresql://user:password@host:port/name?option=value` URL; without one, SQLite in the data folder."""
    if not url:
        return _sqlite(DATA_DIR / "patchbay.sqlite3")
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(Path(unquote(parts.path)))
    if parts.scheme not in {"postgres", "postgresql"}:
        raise SettingError(f"PATCHBAY_DATABASE_URL: {parts.scheme!r} is not supported; use postgresql:// or sqlite://")
    query = dict(parse_qsl(parts.query))
    # A process that stands still in a transaction, its machine paused, keeps the locks that the others need to go on.
    bounds = f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s"
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or "") or query.pop("host", ""),
        "PORT": parts.port or "",
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 16, "timeout": 10}, "options": bounds, **query},
    }


def _sqlite(path: Path) -> dict[str, Any]:
    # synchronous FULL: a commit that returned survives a power cut. wal_autocheckpoint 0: SQLite before 3.51.3 can
    # lose a WAL reset when two connections checkpoint, so one process does it alone (lib/sqlite.py).
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
            " PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY;",
        },
    }


DATABASES = {"default": _database(os.environ.get("PATCHBAY_DATABASE_URL", ""))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = os.environ.get("PATCHBAY_SECRET_KEY") or _kept_secret("secret-key")
ENCRYPTION_KEYS = encryption_keys("PATCHBAY_ENCRYPTION_KEYS")
ENCRYPTION_KEYS_FILE = DATA_DIR / "encryption-keys"
EPOCH_FILE = DATA_DIR / "epoch"

# What several processes share: rates, the epoch, the limits of sign-ins. Without Redis one process counts in memory.
REDIS_URL = redis_url("PATCHBAY_REDIS_URL")
METRICS_TOKEN = os.environ.get("PATCHBAY_METRICS_TOKEN", "")
CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "patchbay",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }

FILES_DIR = DATA_DIR / "files"

# The model that answers: any OpenAI-compatible server. Without PATCHBAY_MODEL the built-in offline model does.
MODEL = os.environ.get("PATCHBAY_MODEL", "")
OPENAI_BASE_URL = os.environ.get("PATCHBAY_OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/")
OPENAI_API_KEY = os.environ.get("PATCHBAY_OPENAI_API_KEY", "")
UPSTREAM_SILENCE_SECONDS = whole_number("PATCHBAY_UPSTREAM_SILENCE_SECONDS", 300, low=1, high=3600)
MAX_OUTPUT_TOKENS = whole_number("PATCHBAY_MAX_OUTPUT_TOKENS", 1024, low=1, high=1_000_000)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_cotton",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    "patchbay.kernel.search",
    "patchbay.kernel.jobs",
    "patchbay.kernel.events",
    "patchbay.kernel.audit",
    "patchbay.kernel.ledger",
    "patchbay.kernel.plans",
    "patchbay.kernel.accounts",
    "patchbay.kernel.keys",
    "patchbay.kernel.usage",
    "patchbay.products.gateway",
    "patchbay.products.plugs",
    "patchbay.web",
    "patchbay.site",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "patchbay.web.middleware.SecurityHeadersMiddleware",
    "patchbay.web.middleware.StaticFilesMiddleware",
    "patchbay.site.problems.NulMiddleware",
    "patchbay.web.uploads.UploadMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "patchbay.site.problems.ProblemMiddleware",
    "django.middleware.common.CommonMiddleware",
    "patchbay.site.idempotency.IdempotencyMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "patchbay.kernel.accounts.middleware.VisitorLimitMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "patchbay.kernel.accounts.middleware.OrganisationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "patchbay.web.errors.PageErrorMiddleware",
]

ROOT_URLCONF = "patchbay.config.urls"
ASGI_APPLICATION = "patchbay.config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "patchbay.site.shell.shell",
            ],
        },
    }
]

STATIC_URL = "/static/"
STATICFILES_DIRS = [PACKAGE_DIR / "web" / "static"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]  # ours alone, not those of libraries
STATIC_ROOT = PACKAGE_DIR / "web" / "staticfiles"
# `make assets` leaves hashed and compressed copies; without them, as in tests, files are served as they lie.
HASHED = (STATIC_ROOT / "staticfiles.json").exists() and not DEBUG
WHITENOISE_USE_FINDERS = not HASHED
MEDIA_ROOT = FILES_DIR
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(FILES_DIR)},
    },
    "staticfiles": {
        "BACKEND": "patchbay.web.storage.HashedStorage"
        if HASHED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

# allauth. Sign-in never tells whether an address has an account. Registering does, because without mail that surely
# arrives nobody could be told otherwise; it is limited by address (over all processes where the cache is Redis).
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/dashboard"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "patchbay.kernel.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "patchbay.kernel.accounts.forms.SignInForm",
    "signup": "patchbay.kernel.accounts.forms.RegisterForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/300s/key", "signup": "10/m/ip"}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SECURE else "http"
PASSWORD_RESET_TIMEOUT = 30 * 60
USERSESSIONS_TRACK_ACTIVITY = False

EMAIL_BACKEND = "patchbay.lib.mail.OutboxBackend"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("PATCHBAY_MAIL_FROM", "Patchbay <patchbay@localhost>")
MAIL_DIR = DATA_DIR / "mail"

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}

ALLOWED_HOSTS = [host for host in os.environ.get("PATCHBAY_ALLOWED_HOSTS", "").split(",") if host] or [
    "localhost",
    "127.0.0.1",
    "[::1]",
    urlsplit(BASE_URL).hostname or "localhost",
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "patchbay.web.views.csrf_failed"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
