"""A smoke of the whole product on PostgreSQL: start, ask, pay, add up."""

import json
from collections.abc import Callable

from smeplug import SMEPlug

from tests.instances import DemoInstance


def test_the_main_job_runs_on_postgresql(new_postgres: Callable[[], str]) -> None:
    instance = DemoInstance(database_url=new_postgres())
    try:
        demo = instance.demo()
        instance.start()
        client = SMEPlug(api_key=demo["api_key"], base_url=instance.base_url)
        answer = client.chat("What is the interest rate on late payment?", plugin_id="legal-v1")
        assert answer.citations
        text = client.documents.text(answer.citations[0].document_id, 1, plugin_id="legal-v1")
        assert text[answer.citations[0].start : answer.citations[0].end] == answer.citations[0].quote
        assert next(iter(client.usage.records())).request_id == answer.request_id
        instance.stop()
        findings = {found["check"]: found["ok"] for found in json.loads(instance.run("doctor", "--json"))}
        assert findings["ledger"]
    finally:
        instance.remove()
