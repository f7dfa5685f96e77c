"""Neighbours enter a package through its doors only."""

import grimp

DOORS = {"services", "queries", "contracts", "errors"}
# The site mounts each package's routes.
SITE_DOORS = {"api"}
# The gateway's engine is a door too: plugs call a model through it, in-process.
EXTRA_DOORS = {
    "patchbay.products.gateway": {"engine"},
    "patchbay.kernel.jobs": {"registry", "worker", "supervisor"},
    "patchbay.kernel.usage": {"runtime", "writer"},
    "patchbay.kernel.ledger": {"leases"},
    "patchbay.kernel.search": {"embedder"},
}


def packages(graph: grimp.ImportGraph) -> set[str]:
    return {package for floor in ("patchbay.kernel", "patchbay.products") for package in graph.find_children(floor)}


def test_neighbours_enter_through_the_doors() -> None:
    graph = grimp.build_graph("patchbay", include_external_packages=False)
    homes = packages(graph)

    def home_of(module: str) -> str | None:
        return next((home for home in homes if module == home or module.startswith(home + ".")), None)

    trespasses = []
    for importer in graph.modules:
        if importer.startswith("patchbay.config"):
            continue  # the composition root wires everything
        for imported in graph.find_modules_directly_imported_by(importer):
            home = home_of(imported)
            if home is None or home == home_of(importer):
                continue
            room = imported.removeprefix(home).lstrip(".").partition(".")[0]
            doors = DOORS | EXTRA_DOORS.get(home, set())
            if importer.startswith("patchbay.site"):
                doors = doors | SITE_DOORS
            if room and room not in doors:
                trespasses.append(f"{importer} → {imported}")
    assert not trespasses
