"""A price of its own for what a provider keeps in its cache for an hour."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('plans', '0001_initial'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='pricerate',
            name='price_general_has_amount',
        ),
        migrations.AlterField(
            model_name='pricerate',
            name='item',
            field=models.CharField(choices=[('prompt_tokens', 'prompt_tokens'), ('cached_tokens', 'cached_tokens'), ('cache_write_tokens', 'cache_write_tokens'), ('cache_write_1h_tokens', 'cache_write_1h_tokens'), ('audio_prompt_tokens', 'audio_prompt_tokens'), ('image_tokens', 'image_tokens'), ('completion_tokens', 'completion_tokens'), ('reasoning_tokens', 'reasoning_tokens'), ('audio_completion_tokens', 'audio_completion_tokens'), ('calls', 'calls'), ('cache_hits', 'cache_hits'), ('execution_ms', 'execution_ms'), ('storage_byte_hours', 'storage_byte_hours'), ('deployments', 'deployments')], max_length=24),
        ),
        migrations.AddConstraint(
            model_name='pricerate',
            constraint=models.CheckConstraint(condition=models.Q(('amount_micro__isnull', False), models.Q(('model', ''), _negated=True), ('item__in', ('cached_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'audio_prompt_tokens', 'image_tokens', 'reasoning_tokens', 'audio_completion_tokens')), _connector='OR'), name='price_general_has_amount'),
        ),
    ]
