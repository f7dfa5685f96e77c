
import django.db.models.deletion
import functools
import patchbay.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='HistoryEntry',
            fields=[
                ('position', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('organisation_id', models.CharField(max_length=40)),
                ('kind', models.CharField(max_length=10)),
                ('debit_account', models.CharField(max_length=40)),
                ('credit_account', models.CharField(max_length=40)),
                ('amount_micro', models.BigIntegerField()),
                ('idempotency_key', models.CharField(max_length=208)),
                ('request_id', models.CharField(blank=True, max_length=80)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'ledger_entry_history',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Clawback',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('organisation_id', models.CharField(max_length=40)),
                ('idempotency_key', models.CharField(max_length=200)),
                ('amount_micro', models.BigIntegerField()),
                ('owed_micro', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('organisation_id', 'idempotency_key'), name='clawback_once')],
            },
        ),
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.CharField(default=functools.partial(patchbay.lib.ids.new_id, *('budget',), **{}), editable=False, max_length=40, primary_key=True, serialize=False)),
                ('organisation_id', models.CharField(db_index=True, max_length=40)),
                ('scope', models.CharField(help_text='key or organisation', max_length=12)),
                ('scope_id', models.CharField(max_length=40)),
                ('cap_micro', models.BigIntegerField(null=True)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('scope', 'scope_id'), name='budget_once'), models.CheckConstraint(condition=models.Q(('cap_micro', None), ('cap_micro__gte', 0), _connector='OR'), name='budget_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='CreditAccount',
            fields=[
                ('organisation_id', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('owed_micro', models.PositiveBigIntegerField(default=0)),
                ('scarce_until', models.DateTimeField(help_text='Until then leases are single holds', null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('owed_micro__gte', 0)), name='owed_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('position', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('organisation_id', models.CharField(max_length=40)),
                ('kind', models.CharField(max_length=10)),
                ('debit_account', models.CharField(max_length=40)),
                ('credit_account', models.CharField(max_length=40)),
                ('amount_micro', models.BigIntegerField()),
                ('idempotency_key', models.CharField(max_length=208)),
                ('request_id', models.CharField(blank=True, max_length=80)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('amount_micro__gt', 0)), name='entry_amount_positive'), models.CheckConstraint(condition=models.Q(('debit_account', models.F('credit_account')), _negated=True), name='entry_moves')],
            },
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.CharField(default=functools.partial(patchbay.lib.ids.new_id, *('hold',), **{}), editable=False, max_length=40, primary_key=True, serialize=False)),
                ('organisation_id', models.CharField(max_length=40)),
                ('amount_micro', models.BigIntegerField()),
                ('balance_micro', models.BigIntegerField()),
                ('state', models.CharField(default='open', help_text='open, settled, released or expired', max_length=8)),
                ('charged_micro', models.BigIntegerField(default=0)),
                ('loss_micro', models.BigIntegerField(default=0)),
                ('idempotency_key', models.CharField(max_length=200)),
                ('expires_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'open')), fields=['organisation_id', 'expires_at'], name='hold_open'), models.Index(condition=models.Q(('state', 'open')), fields=['expires_at'], name='hold_to_expire')],
                'constraints': [models.UniqueConstraint(fields=('organisation_id', 'idempotency_key'), name='hold_once'), models.CheckConstraint(condition=models.Q(('amount_micro__gt', 0)), name='hold_amount_positive'), models.CheckConstraint(condition=models.Q(('balance_micro__gte', 0)), name='hold_not_negative'), models.CheckConstraint(condition=models.Q(('state', 'open'), ('balance_micro', 0), _connector='OR'), name='hold_closed_is_empty')],
            },
        ),
        migrations.CreateModel(
            name='LedgerProcess',
            fields=[
                ('id', models.CharField(default=functools.partial(patchbay.lib.ids.new_id, *('proc',), **{}), editable=False, max_length=40, primary_key=True, serialize=False)),
                ('machine', models.CharField(max_length=80)),
                ('pid', models.PositiveBigIntegerField()),
                ('started', models.CharField(max_length=40)),
                ('opened_at', models.DateTimeField()),
                ('heartbeat_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('closed_at', None)), fields=['heartbeat_at'], name='process_open')],
            },
        ),
        migrations.CreateModel(
            name='Lot',
            fields=[
                ('id', models.CharField(default=functools.partial(patchbay.lib.ids.new_id, *('lot',), **{}), editable=False, max_length=40, primary_key=True, serialize=False)),
                ('organisation_id', models.CharField(max_length=40)),
                ('kind', models.CharField(max_length=12)),
                ('priority', models.PositiveSmallIntegerField()),
                ('amount_micro', models.BigIntegerField()),
                ('balance_micro', models.BigIntegerField()),
                ('expires_at', models.DateTimeField(null=True)),
                ('idempotency_key', models.CharField(max_length=200)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('balance_micro__gt', 0)), fields=['organisation_id', 'priority'], name='lot_drawable'), models.Index(condition=models.Q(('balance_micro__gt', 0)), fields=['expires_at'], name='lot_to_expire')],
                'constraints': [models.UniqueConstraint(fields=('organisation_id', 'idempotency_key'), name='lot_once'), models.CheckConstraint(condition=models.Q(('amount_micro__gt', 0)), name='lot_amount_positive'), models.CheckConstraint(condition=models.Q(('balance_micro__gte', 0), ('balance_micro__lte', models.F('amount_micro'))), name='lot_balance_in_range')],
            },
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('id', models.CharField(default=functools.partial(patchbay.lib.ids.new_id, *('lease',), **{}), editable=False, max_length=40, primary_key=True, serialize=False)),
                ('organisation_id', models.CharField(max_length=40)),
                ('balance_micro', models.BigIntegerField(default=0)),
                ('recall_number', models.PositiveBigIntegerField(default=0)),
                ('recall_ack', models.PositiveBigIntegerField(default=0)),
                ('process', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='leases', to='ledger.ledgerprocess')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('recall_number__gt', models.F('recall_ack'))), fields=['process'], name='lease_recalled')],
                'constraints': [models.UniqueConstraint(fields=('organisation_id', 'process'), name='lease_once_per_process'), models.CheckConstraint(condition=models.Q(('balance_micro__gte', 0)), name='lease_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Draw',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('holder_id', models.CharField(max_length=40)),
                ('amount_micro', models.BigIntegerField()),
                ('lot', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='draws', to='ledger.lot')),
            ],
            options={
                'indexes': [models.Index(fields=['holder_id', 'id'], name='draw_by_holder')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount_micro__gte', 0)), name='draw_not_negative')],
            },
        ),
    ]
