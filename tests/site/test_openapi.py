"""The one document describes every operation once, under names that do not clash."""

import re

from patchbay.site.api import api
from patchbay.site.openapi import document


def test_every_reference_leads_somewhere() -> None:
    text = str(document())
    names = set(re.findall(r"#/components/schemas/([\w.]+)", text))
    assert names <= document()["components"]["schemas"].keys()


def test_no_two_shapes_share_a_name() -> None:
    shapes = {}
    for router in api._get_bound_routers():
        for view in router.path_operations.values():
            for operation in view.operations:
                for model in operation.response_models.values():
                    for shape in _shapes(model):
                        assert shapes.setdefault(shape.__name__, shape) is shape
    assert shapes


def _shapes(model: object) -> list[type]:
    from ninja import Schema

    found: list[type] = []
    queue = [field.annotation for field in getattr(model, "model_fields", {}).values()]
    while queue:
        kind = queue.pop()
        queue += list(getattr(kind, "__args__", ()))
        if isinstance(kind, type) and issubclass(kind, Schema) and kind not in found:
            found.append(kind)
            queue += [field.annotation for field in kind.model_fields.values()]
    return found


def test_a_raw_route_names_the_parameters_of_its_query() -> None:
    parameters = {each["name"]: each for each in document()["paths"]["/v1/models"]["get"]["parameters"]}
    assert set(parameters) == {"limit", "after_id", "before_id"}
    assert parameters["limit"]["in"] == "query"
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20}


def test_every_operation_says_how_it_is_refused() -> None:
    for methods in document()["paths"].values():
        for operation in methods.values():
            assert operation["responses"].keys() >= {"4XX", "5XX"}
            assert operation["operationId"]
