"""The import contracts leave nothing out: no package without layers, no module without a layer."""

import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]


def test_every_package_of_kernel_and_products_has_layers_that_name_all_its_modules() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    graph = grimp.build_graph("patchbay", include_external_packages=False)
    packages = graph.find_children("patchbay.kernel") | graph.find_children("patchbay.products")
    [inside] = [contract for contract in contracts if contract["id"] == "inside"]
    assert set(inside["containers"]) == packages
    assert all(contract["exhaustive"] for contract in contracts)
    assert inside["exhaustive_ignores"] == ["migrations"]
