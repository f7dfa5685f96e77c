from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('plugs', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='chatmessage',
            name='exchange',
            field=models.CharField(default='', editable=False, max_length=40),
        ),
    ]
