"""schemathesis on the running product: whatever is sent, the answer is one that the document describes."""

import os

import hypothesis
import schemathesis
from schemathesis import checks

from tests.e2e.api.conftest import Served

EXAMPLES = int(os.environ.get("PATCHBAY_CONTRACT_EXAMPLES", "8"))
"""Of each operation; `make contract` sends many more."""


def test_every_operation_keeps_its_contract(served: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{served.base_url}/v1/openapi.json")
    headers = {"Authorization": f"Bearer {served.api_key}"}
    names = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
    wanted = [checks.CHECKS.get_one(name) for name in names]
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.definition.raw.get("operationId") == "revoke_key":
            continue  # it could revoke the key that this test uses

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
            database=None,
        )
        @hypothesis.given(case=operation.as_strategy())
        def attack(case: schemathesis.Case) -> None:
            case.call_and_validate(base_url=served.base_url, headers=headers, checks=wanted, timeout=20)

        attack()
