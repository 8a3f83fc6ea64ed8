import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import contacts.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactList",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "country",
                    models.CharField(
                        default="ZA", help_text="Numbers without a country code are read as here.", max_length=2
                    ),
                ),
                ("labels", models.JSONField(blank=True, default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "msisdn",
                    models.CharField(
                        db_index=True,
                        max_length=15,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[1-9][0-9]{5,14}\\Z", "A number is 6 to 15 digits with the country code and no plus."
                            )
                        ],
                        verbose_name="number",
                    ),
                ),
                ("note", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Import",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file", models.FileField(upload_to=contacts.models.import_path)),
                ("original_name", models.CharField(max_length=255)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("uploaded", "Uploaded"),
                            ("judging", "Checking rows"),
                            ("judged", "Checked"),
                            ("applying", "Importing"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="uploaded",
                        max_length=10,
                    ),
                ),
                ("country", models.CharField(max_length=2)),
                ("encoding", models.CharField(blank=True, max_length=20)),
                ("sheet", models.CharField(blank=True, max_length=100)),
                (
                    "header",
                    models.JSONField(
                        blank=True,
                        default=list,
                    ),
                ),
                (
                    "samples",
                    models.JSONField(
                        blank=True,
                        default=list,
                    ),
                ),
                ("mapping", models.JSONField(blank=True, default=dict)),
                ("read", models.PositiveIntegerField(default=0)),
                ("waiting", models.PositiveIntegerField(default=0)),
                ("created", models.PositiveIntegerField(default=0)),
                ("updated", models.PositiveIntegerField(default=0)),
                ("unchanged", models.PositiveIntegerField(default=0)),
                ("duplicate", models.PositiveIntegerField(default=0)),
                ("opted_out", models.PositiveIntegerField(default=0)),
                ("invalid", models.PositiveIntegerField(default=0)),
                ("blank", models.PositiveIntegerField(default=0)),
                ("forecast", models.JSONField(blank=True, default=dict)),
                ("progress", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(default=0)),
                ("applied_up_to", models.CharField(blank=True, max_length=15)),
                ("claim", models.PositiveIntegerField(default=0)),
                ("failure_code", models.CharField(blank=True, max_length=40)),
                ("failure_sentence", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("beat_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="imports", to="contacts.contactlist"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="ImportIssue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("row", models.PositiveIntegerField()),
                ("column", models.CharField(blank=True, max_length=200)),
                ("code", models.CharField(max_length=40)),
                ("sentence", models.CharField(max_length=500)),
                ("value", models.CharField(blank=True, max_length=200)),
                (
                    "import_of",
                    models.ForeignKey(
                        db_column="import_id",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="issues",
                        to="contacts.import",
                    ),
                ),
            ],
            options={
                "ordering": ["import_of", "row"],
            },
        ),
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("row", models.PositiveIntegerField()),
                ("msisdn", models.CharField(max_length=15)),
                ("phone", models.CharField(blank=True, max_length=60)),
                ("customer_id", models.CharField(blank=True, max_length=100)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("value1", models.CharField(blank=True, max_length=500)),
                ("value2", models.CharField(blank=True, max_length=500)),
                ("value3", models.CharField(blank=True, max_length=500)),
                ("value4", models.CharField(blank=True, max_length=500)),
                ("value5", models.CharField(blank=True, max_length=500)),
                ("value6", models.CharField(blank=True, max_length=500)),
                ("message", models.TextField(blank=True)),
                (
                    "import_of",
                    models.ForeignKey(
                        db_column="import_id",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="contacts.import",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Suppression",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "msisdn",
                    models.CharField(
                        db_index=True,
                        max_length=15,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[1-9][0-9]{5,14}\\Z", "A number is 6 to 15 digits with the country code and no plus."
                            )
                        ],
                        verbose_name="number",
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("manual", "Added by hand"),
                            ("paste", "Pasted"),
                            ("file", "Uploaded sheet"),
                            ("import", "Import"),
                            ("provider", "Reported by the provider"),
                            ("reply", "Replied STOP"),
                            ("command", "Command line"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "note",
                    models.CharField(blank=True, help_text="The proof: file and line, and the reason.", max_length=500),
                ),
                ("created_at", models.DateTimeField()),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "opt-out",
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "msisdn",
                    models.CharField(
                        max_length=15,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[1-9][0-9]{5,14}\\Z", "A number is 6 to 15 digits with the country code and no plus."
                            )
                        ],
                        verbose_name="number",
                    ),
                ),
                ("phone", models.CharField(blank=True, help_text="The number as it was typed.", max_length=60)),
                ("customer_id", models.CharField(blank=True, max_length=100, verbose_name="customer ID")),
                ("name", models.CharField(blank=True, max_length=200)),
                ("value1", models.CharField(blank=True, max_length=500)),
                ("value2", models.CharField(blank=True, max_length=500)),
                ("value3", models.CharField(blank=True, max_length=500)),
                ("value4", models.CharField(blank=True, max_length=500)),
                ("value5", models.CharField(blank=True, max_length=500)),
                ("value6", models.CharField(blank=True, max_length=500)),
                ("message", models.TextField(blank=True, verbose_name="own text")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="contacts", to="contacts.contactlist"
                    ),
                ),
            ],
            options={
                "ordering": ["list", "msisdn"],
                "indexes": [models.Index(fields=["msisdn"], name="contact_by_number")],
                "constraints": [models.UniqueConstraint(fields=("list", "msisdn"), name="a_number_is_on_a_list_once")],
            },
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["uploaded", "judging", "judged", "applying", "done", "failed", "cancelled"])
                ),
                name="an_import_has_a_known_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "read",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    models.F("waiting"), "+", models.F("created")
                                                ),
                                                "+",
                                                models.F("updated"),
                                            ),
                                            "+",
                                            models.F("unchanged"),
                                        ),
                                        "+",
                                        models.F("duplicate"),
                                    ),
                                    "+",
                                    models.F("opted_out"),
                                ),
                                "+",
                                models.F("invalid"),
                            ),
                            "+",
                            models.F("blank"),
                        ),
                    )
                ),
                name="every_row_read_is_in_one_bucket",
            ),
        ),
        migrations.AddConstraint(
            model_name="importissue",
            constraint=models.UniqueConstraint(fields=("import_of", "row"), name="a_row_has_one_issue"),
        ),
        migrations.AddConstraint(
            model_name="importrow",
            constraint=models.UniqueConstraint(fields=("import_of", "msisdn"), name="the_first_of_duplicates_wins"),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(fields=["-created_at", "-id"], name="opt_outs_newest_first"),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lifted_at__isnull", True)), fields=("msisdn",), name="a_number_is_opted_out_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("source__in", ["manual", "paste", "file", "import", "provider", "reply", "command"])
                ),
                name="an_opt_out_has_a_known_source",
            ),
        ),
    ]
