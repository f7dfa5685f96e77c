
import functools
import patchbay.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='HistoryRecord',
            fields=[
                ('position', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('request_id', models.CharField(max_length=80)),
                ('organisation_id', models.CharField(max_length=40)),
                ('key_id', models.CharField(blank=True, max_length=40)),
                ('user_id', models.CharField(blank=True, max_length=40)),
                ('product', models.CharField(blank=True, max_length=20)),
                ('operation', models.CharField(blank=True, max_length=40)),
                ('plug_id', models.CharField(blank=True, max_length=40)),
                ('model', models.CharField(blank=True, max_length=120)),
                ('provider', models.CharField(blank=True, max_length=40)),
                ('environment', models.CharField(max_length=4)),
                ('prompt_tokens', models.PositiveBigIntegerField(default=0)),
                ('cached_tokens', models.PositiveBigIntegerField(default=0)),
                ('completion_tokens', models.PositiveBigIntegerField(default=0)),
                ('estimated', models.BooleanField(default=False)),
                ('latency_ms', models.PositiveBigIntegerField(default=0)),
                ('outcome', models.CharField(blank=True, max_length=20)),
                ('tries', models.PositiveSmallIntegerField(default=1)),
                ('detail', models.TextField(blank=True, help_text='A JSON text of the product that made the record, for itself')),
                ('counts', models.TextField(blank=True, help_text='Counts of the rarer items of the price list as JSON')),
                ('lines', models.TextField(default='[]', help_text='Cost lines as JSON, as the price list made them')),
                ('created_at', models.DateTimeField()),
                ('cost_micro', models.BigIntegerField(default=0)),
                ('loss_micro', models.BigIntegerField(default=0)),
                ('lease_id', models.CharField(blank=True, help_text='Which lease paid the cost; empty where ledger entries say who did', max_length=40)),
            ],
            options={
                'db_table': 'usage_usagerecord_history',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='RequestClaim',
            fields=[
                ('id', models.CharField(default=functools.partial(patchbay.lib.ids.new_id, *('claim',), **{}), editable=False, max_length=40, primary_key=True, serialize=False)),
                ('organisation_id', models.CharField(max_length=40)),
                ('idempotency_key', models.CharField(max_length=255)),
                ('fingerprint', models.CharField(max_length=64)),
                ('process_id', models.CharField(max_length=40)),
                ('response', models.BinaryField(null=True)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('organisation_id', 'idempotency_key'), name='claim_once')],
            },
        ),
        migrations.CreateModel(
            name='UsageRecord',
            fields=[
                ('position', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('request_id', models.CharField(max_length=80)),
                ('organisation_id', models.CharField(max_length=40)),
                ('key_id', models.CharField(blank=True, max_length=40)),
                ('user_id', models.CharField(blank=True, max_length=40)),
                ('product', models.CharField(blank=True, max_length=20)),
                ('operation', models.CharField(blank=True, max_length=40)),
                ('plug_id', models.CharField(blank=True, max_length=40)),
                ('model', models.CharField(blank=True, max_length=120)),
                ('provider', models.CharField(blank=True, max_length=40)),
                ('environment', models.CharField(max_length=4)),
                ('prompt_tokens', models.PositiveBigIntegerField(default=0)),
                ('cached_tokens', models.PositiveBigIntegerField(default=0)),
                ('completion_tokens', models.PositiveBigIntegerField(default=0)),
                ('estimated', models.BooleanField(default=False)),
                ('latency_ms', models.PositiveBigIntegerField(default=0)),
                ('outcome', models.CharField(blank=True, max_length=20)),
                ('tries', models.PositiveSmallIntegerField(default=1)),
                ('detail', models.TextField(blank=True, help_text='A JSON text of the product that made the record, for itself')),
                ('counts', models.TextField(blank=True, help_text='Counts of the rarer items of the price list as JSON')),
                ('lines', models.TextField(default='[]', help_text='Cost lines as JSON, as the price list made them')),
                ('created_at', models.DateTimeField()),
                ('cost_micro', models.BigIntegerField(default=0)),
                ('loss_micro', models.BigIntegerField(default=0)),
                ('lease_id', models.CharField(blank=True, help_text='Which lease paid the cost; empty where ledger entries say who did', max_length=40)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('cost_micro__gte', 0), ('loss_micro__gte', 0)), name='usage_cost_not_negative'), models.CheckConstraint(condition=models.Q(models.Q(('environment', 'test'), _negated=True), models.Q(('cost_micro', 0), ('loss_micro', 0)), _connector='OR'), name='usage_test_is_free'), models.CheckConstraint(condition=models.Q(('lease_id', ''), ('cost_micro__gt', 0), _connector='OR'), name='usage_posting_positive')],
            },
        ),
    ]
