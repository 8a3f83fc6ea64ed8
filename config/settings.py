"""Baton's settings, all read from the environment; ``docs/settings.md`` lists them. Importing this creates nothing."""

import hashlib
import os
import tempfile
from datetime import timedelta
from importlib import import_module
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.installation import BASE_DIR, data_directory, stored_key

env = environ.Env()

DATA = data_directory()

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or stored_key("secret_key")
# Newest first: the first encrypts, all of them decrypt.
ACCOUNT_KEYS: list[str] = env.list("ACCOUNT_KEYS", default=[]) or [stored_key("account_key")]
INSTALLATION_KEY = env.str("INSTALLATION_KEY", default="") or stored_key("installation_key")
BACKUP_KEY = env.str("BACKUP_KEY", default="") or stored_key("backup_key")

ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Behind TLS: cookies are sent over https only, and browsers are told to use nothing else.
BEHIND_TLS = env.bool("BEHIND_TLS", default=False)
# How many proxies in front of Baton append to X-Forwarded-For; the client is the address that the first of them saw.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

DEFAULT_COUNTRY = env.str("DEFAULT_COUNTRY", default="ZA")
SELF_APPROVAL = env.bool("SELF_APPROVAL", default=False)
ALLOW_PRIVATE_HOSTS = env.bool("ALLOW_PRIVATE_HOSTS", default=False)
MFA_REQUIRED = env.bool("MFA_REQUIRED", default=False)
# The roles that need the second step where not everybody does (people.roles.ROLES).
MFA_REQUIRED_ROLES: list[str] = env.list("MFA_REQUIRED_ROLES", default=[])
if set(MFA_REQUIRED_ROLES) - {"viewer", "operator", "approver", "administrator"}:
    raise ImproperlyConfigured("MFA_REQUIRED_ROLES lists roles: viewer, operator, approver, administrator.")
# A session ends after SESSION_IDLE without activity, and at the latest SESSION_LASTS after the login.
SESSION_IDLE = timedelta(minutes=env.int("SESSION_IDLE_MINUTES", default=60))
SESSION_LASTS = timedelta(hours=env.int("SESSION_HOURS", default=12))
if min(SESSION_IDLE, SESSION_LASTS) <= timedelta(0):
    raise ImproperlyConfigured("SESSION_IDLE_MINUTES and SESSION_HOURS are at least 1.")
SESSION_COOKIE_AGE = int(SESSION_LASTS.total_seconds())
# The address of the sandbox's control server; empty when there is none.
SANDBOX_URL = env.str("SANDBOX_URL", default="")
# A reply that consists of one of these words opts its sender out. WASPA's code (South Africa) names STOP, END, CANCEL,
# UNSUBSCRIBE and QUIT, the CTIA's (United States) STOPALL, OPT OUT and their like; KANSELLEER is Afrikaans, STOPP and
# ARRET are what people write in Scandinavia, Germany and French Canada.
OPT_OUT_WORDS: list[str] = env.list(
    "OPT_OUT_WORDS",
    default=[
        *("STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "OPT OUT", "OPT-OUT"),
        *("KANSELLEER", "STOPP", "ARRET", "ARRÊT"),
    ],
)
START_PATIENCE = timedelta(minutes=env.int("START_PATIENCE_MINUTES", default=30))
# An approval that is not acted on is void after this: audience and prices change. For a later start it counts until
# the start may no longer be caught up on (START_PATIENCE).
APPROVAL_LASTS = timedelta(days=7)

# The days after which personal data is erased, by kind; 0 keeps it. docs/privacy.md recommends values.
RETENTION_DAYS = {
    "uploads": env.int("RETENTION_UPLOADS_DAYS", default=0),
    "left_out": env.int("RETENTION_LEFT_OUT_DAYS", default=0),
    "provider_files": env.int("RETENTION_PROVIDER_FILES_DAYS", default=0),
    "recipients": env.int("RETENTION_RECIPIENTS_DAYS", default=0),
    "replies": env.int("RETENTION_REPLIES_DAYS", default=0),
}
if min(RETENTION_DAYS.values()) < 0:
    raise ImproperlyConfigured("A RETENTION_..._DAYS is less than 0. Enter a number of days, or 0 to keep the data.")

# The allowed hours that a new campaign proposes: none, south_africa, eu or us (campaigns.audience.windows.PRESETS).
ALLOWED_HOURS = env.str("ALLOWED_HOURS", default="none")
if ALLOWED_HOURS not in ("none", "south_africa", "eu", "us"):
    raise ImproperlyConfigured("ALLOWED_HOURS is none, south_africa, eu or us.")

# One directory that every host shares: the intent journals and the suppressions, outside the database.
JOURNAL_DIR = Path(env.str("JOURNAL_DIR", default=str(DATA / "journal")))
LOCK_DIR = DATA / "locks"

INSTALLED_APPS = [
    "config.apps.BatonAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "auditlog",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django_filters",
    "django_htmx",
    "django_rq",
    "django_tables2",
    "audit",
    "contacts",
    "providers",
    "campaigns",
    "people",
    # For its commands.
    "config.apps.CommandsConfig",
]

MIDDLEWARE = [
    "config.logs.log_request_id",
    "django.middleware.security.SecurityMiddleware",
    # Before WhiteNoise, so that static files get the policy too.
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.privacy.no_store",
    "config.health.refuse_other_installation",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "people.sessions.end_old_sessions",
    "people.sessions.use_own_time_zone",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.accounts.require_second_step",
    "config.accounts.AuditMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["config.components", "config.navigation"],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

if env.str("DATABASE_URL", default=""):
    DATABASES = {"default": env.db_url("DATABASE_URL")}
    # PostgreSQL would compile the query that chooses 100,000 recipients for longer than it takes to run.
    _options = DATABASES["default"].setdefault("OPTIONS", {}).setdefault("options", "-c jit=off")
    # It would notice only after two hours that a host is gone, and keep what that host had locked until then.
    _keepalives = {"keepalives_idle": 10, "keepalives_interval": 10, "keepalives_count": 2}
    _noticed = {**_keepalives, "user_timeout": 30_000}
    _noticed_early = " ".join(f"-c tcp_{name}={value}" for name, value in _noticed.items())
    DATABASES["default"]["OPTIONS"]["options"] = f"{_options} {_noticed_early}"
    # Nor does a page, or a worker, wait longer than this for a database host that is gone.
    for _name, _value in {"connect_timeout": 10, "tcp_user_timeout": 30_000, **_keepalives}.items():
        DATABASES["default"]["OPTIONS"].setdefault(_name, _value)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA / "baton.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
            "TEST": {"NAME": str(DATA / "test.sqlite3")},
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The embedded Valkey's socket: short, private to this user, and the same for each command on this data directory.
RUN_DIR = Path(tempfile.gettempdir()) / f"baton-{os.getuid()}-{hashlib.sha256(str(DATA).encode()).hexdigest()[:8]}"
VALKEY_SOCKET = RUN_DIR / "valkey.sock"
REDIS_URL = env.str("REDIS_URL", default="") or f"unix://{VALKEY_SOCKET}"

# One worker process for each queue, and the seconds a job may take before RQ kills it; a later job then continues.
# Two hours: an import or a freeze of millions of rows. 15 minutes: a hand-over or result job stops by itself after a
# minute plus its last batch, so only a stuck one takes this long.
QUEUE_TIMEOUTS = {"imports": 7200, "campaigns": 7200, "handover": 900, "results": 900}
RQ_QUEUES = {
    name: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": seconds, "SERIALIZER": "rq.serializers.JSONSerializer"}
    for name, seconds in QUEUE_TIMEOUTS.items()
}
# An exception's message may contain a phone number, so neither the log nor Redis gets it.
RQ = {"JOB_CLASS": "config.worker.DiscreetJob"}
RQ_SHOW_ADMIN_LINK = False

# All web processes of all hosts count attempts together. JSON, because whoever can write a pickle can run code.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "baton",
        "OPTIONS": {"serializer": "rq.serializers.JSONSerializer"},
    }
}

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "people.passwords.NoKnownWord"},
]
# Passwords must not contain these words, which somebody who knows the company would try first.
PASSWORD_WORDS: list[str] = [*("baton", "gateway", "campaign"), *env.list("PASSWORD_WORDS", default=[])]
ACCOUNT_ADAPTER = "config.accounts.ClosedSignup"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
# The cookie ends with the browser, and the session with SESSION_IDLE and SESSION_LASTS.
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "people.tokens.PasswordLinks"  # noqa: S105
# Baton sends no email to an address that belongs to nobody here.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Baton] "
# How long the link of an invitation or a reset works, in seconds.
PASSWORD_RESET_TIMEOUT = 2 * 24 * 60 * 60
# A decision asks for the password again when the last one is older than this, in seconds.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
# "key" is a name from one address (config.accounts). The pauses grow: up to a minute, a quarter, an hour, a day.
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,100/h/ip,5/m/key,10/15m/key,20/h/key,40/d/key"}
MFA_ADAPTER = "config.accounts.SecondStep"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
# Sign-up is closed, and no email verifies an address: administrators enter it, or its owner after logging in.
MFA_ALLOW_UNVERIFIED_EMAIL = True
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env.str("TIME_ZONE", default="Africa/Johannesburg")
USE_I18N = True
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "static/"
STATIC_ROOT = DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Uploads, payloads and evidence: one folder that every host mounts, or one bucket of an S3-compatible store.
MEDIA_ROOT = Path(env.str("FILES_DIR", default="") or DATA / "files")
S3_BUCKET = env.str("S3_BUCKET", default="")
_bucket = {
    "bucket_name": S3_BUCKET,
    "location": env.str("S3_PREFIX", default=""),
    "endpoint_url": env.str("S3_ENDPOINT", default="") or None,
    "region_name": env.str("S3_REGION", default="") or None,
}
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "config.bucket.BucketStorage", "OPTIONS": _bucket}
    if S3_BUCKET
    else {"BACKEND": "config.storage.EvidenceStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# The largest spreadsheet that may be uploaded, in bytes.
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=200 * 1024 * 1024)

# Without EMAIL_URL, the e-mails of notices go to the worker's output and reach nobody.
EMAIL_URL = env.str("EMAIL_URL", default="")
# People are told when their password, their address or their second step changes.
ACCOUNT_EMAIL_NOTIFICATIONS = bool(EMAIL_URL)
_email = env.email_url_config(EMAIL_URL or "consolemail://")
EMAIL_BACKEND: str = _email["EMAIL_BACKEND"]
EMAIL_HOST: str = _email.get("EMAIL_HOST") or "localhost"
EMAIL_PORT: int = _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER: str = _email.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD: str = _email.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS: bool = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = _email.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH: str | None = _email.get("EMAIL_FILE_PATH") or None
# Seconds: the worker that sends also collects results.
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="Baton <baton@localhost>")
# The links in e-mails begin with this.
BASE_URL = env.str("BASE_URL", default=f"http://127.0.0.1:{os.environ.get('PORT') or 8000}").rstrip("/")

# Alarms go to the operations team by e-mail, if EMAIL_URL is set too, and to a webhook that is signed with the secret.
ALARM_EMAILS: list[str] = env.list("ALARM_EMAILS", default=[])
ALARM_WEBHOOK_URL = env.str("ALARM_WEBHOOK_URL", default="")
ALARM_WEBHOOK_SECRET = env.str("ALARM_WEBHOOK_SECRET", default="")
if ALARM_WEBHOOK_URL and len(ALARM_WEBHOOK_SECRET) < 16:
    raise ImproperlyConfigured("ALARM_WEBHOOK_URL needs ALARM_WEBHOOK_SECRET, of at least 16 characters.")
# Less free space than this, in bytes, is an alarm. Below a tenth of it, this host is not ready for requests.
DISK_LOW_BYTES = env.int("DISK_LOW_BYTES", default=2_000_000_000)
# /metrics answers requests that send this token or come from one of these networks. With neither set, it answers none.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
try:
    METRICS_NETWORKS = [ip_network(network) for network in env.list("METRICS_NETWORKS", default=[])]
except ValueError as error:
    raise ImproperlyConfigured(f"METRICS_NETWORKS: {error}") from None

CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "table.html"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
# Browsers accept a cookie with this prefix only from this very host, over https.
_prefix = "__Host-" if BEHIND_TLS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_prefix}sessionid", f"{_prefix}csrftoken"
# Messages between two pages need no cookie of their own.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_SSL_REDIRECT = BEHIND_TLS
# Load balancers and the container's own check ask over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^health/"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31536000) if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_SUBDOMAINS", default=False) and SECURE_HSTS_SECONDS > 0
# A browser's preload list takes a site only together with its subdomains, and gives it back only after months.
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False) and SECURE_HSTS_SECONDS > 0
if SECURE_HSTS_PRELOAD and not SECURE_HSTS_INCLUDE_SUBDOMAINS:
    raise ImproperlyConfigured("HSTS_PRELOAD needs HSTS_SUBDOMAINS: the preload list takes a site only with both.")
# "check --deploy" asks for both; they are the choice of the person who owns the domain.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None

# The audit trail has a model of its own, so the table of the library's is never made.
AUDITLOG_LOGENTRY_MODEL = "audit.AuditEntry"
MIGRATION_MODULES = {"auditlog": None}
AUDITLOG_USE_FK_STRING_REPRESENTATION = True
AUDITLOG_MASK_CALLABLE = "contacts.audit_log.hidden"
# Of the libraries' models; each app of Baton registers its own beside them.
AUDITLOG_INCLUDE_TRACKING_MODELS = [
    {
        "model": "auth.User",
        "include_fields": [
            *("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser", "password")
        ],
        "mask_fields": ["password"],
        "m2m_fields": {"groups", "user_permissions"},
    },
    {"model": "auth.Group", "include_fields": ["name"], "m2m_fields": {"permissions"}},
    {
        "model": "mfa.Authenticator",
        "include_fields": ["user", "type", "data"],
        "mask_fields": ["data"],
    },
]

# Lines for people, or one JSON object a line for a program that collects logs.
LOG_FORMAT = env.str("LOG_FORMAT", default="line")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured("LOG_FORMAT is line or json.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "config.logs.DiscreetFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "datefmt": "%Y-%m-%dT%H:%M:%S%z",
            "style": "{",
        },
        "json": {"()": "config.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
    # Baton reports in its own words what paramiko would log at the same moment.
    "loggers": {
        "paramiko": {"level": "CRITICAL"},
        # At INFO they log each address that is requested, and that of the webhook for alarms may hold a secret.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}

# Errors are reported to Sentry, or a server that speaks its protocol, if this is set.
SENTRY_DSN = env.str("SENTRY_DSN", default="")
if SENTRY_DSN:
    import_module("config.sentry").start(SENTRY_DSN)
