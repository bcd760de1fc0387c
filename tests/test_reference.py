"""The site: every public name is in the reference, and every page in the navigation."""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import tfgraph

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MODULES = (
    tfgraph.beam,
    tfgraph.callbacks,
    tfgraph.data,
    tfgraph.distribute,
    tfgraph.explain,
    tfgraph.export,
    tfgraph.inference,
    tfgraph.layers,
    tfgraph.losses,
    tfgraph.metrics,
    tfgraph.models,
    tfgraph.plots,
)
# Named by no user, though without an underscore.
INTERNAL = {"losses.adjacency_loss", "losses.check_sampling"}


def is_public(module, name, value):
    """Whether a package exports the name, or a module defines it."""
    if name.startswith("_") or not (inspect.isclass(value) or inspect.isroutine(value)):
        return False
    return hasattr(module, "__path__") or value.__module__ == module.__name__


def public_names():
    names = {"GraphInput", "as_graph_tensor"}
    for module in MODULES:
        section = module.__name__.removeprefix("tfgraph.")
        for name, value in vars(module).items():
            if is_public(module, name, value):
                names.add(f"{section}.{name}")
    return names - INTERNAL


@pytest.fixture(scope="module")
def extension():
    """The module of docs/docstrings.py."""
    pytest.importorskip("griffe", reason='needs `pip install ".[docs]"`')
    spec = importlib.util.spec_from_file_location("docstrings", DOCS / "docstrings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def package(extension):
    """The package as the reference shows it."""
    import griffe

    extensions = griffe.load_extensions(extension.Docstrings)
    return griffe.load(
        "tfgraph",
        search_paths=[Path(tfgraph.__file__).parents[1]],
        extensions=extensions,
    )


def test_every_public_name_is_in_the_reference():
    pages = "\n".join(page.read_text() for page in DOCS.rglob("reference/**/*.md"))
    named = re.findall(r"^::: tfgraph\.([\w.]+)$", pages, re.MULTILINE)
    modules = {module.__name__.removeprefix("tfgraph.") for module in MODULES}
    assert set(named) - modules == public_names()
    assert len(named) == len(set(named))


def test_every_page_is_in_the_navigation():
    reason = 'needs `pip install ".[docs]"`'
    config = pytest.importorskip("mkdocs.config", reason=reason)
    site = config.load_config(str(ROOT / "mkdocs.yml"))

    def pages(entry):
        if isinstance(entry, str):
            return [entry]
        entries = entry.values() if isinstance(entry, dict) else entry
        return [page for each in entries for page in pages(each)]

    found = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    found += [f"guides/{guide.stem}.md" for guide in DOCS.glob("guides/*.py")]
    assert sorted(pages(site.nav)) == sorted(found)


def test_signatures_show_every_argument(package):
    checked = set()
    for name in sorted(public_names()):
        made = tfgraph
        for part in name.split("."):
            made = getattr(made, part)
        if "__signature__" not in vars(made):
            continue
        checked.add(name)
        parameters = list(package[name].parameters)[1:]
        wanted = inspect.signature(made).parameters.values()
        assert [p.name for p in parameters] == [p.name for p in wanted], name
        assert [p.kind.value for p in parameters] == [
            p.kind.description for p in wanted
        ]
    assert {"layers.GCNConv", "layers.GATv2Conv", "layers.DiffPool"} <= checked
    receiver = package["layers.GCNConv"].parameters["receiver"]
    assert receiver.default == "'target'"


def test_methods_of_other_modules_are_shown(package):
    subgraph = package["data.Graph"].members["subgraph"]
    assert subgraph.is_function
    assert [parameter.name for parameter in subgraph.parameters] == ["nodes"]
    assert "**Arguments:**" in subgraph.docstring.value


def test_sections_become_markdown(extension):
    docstring = """Sums.

Args:
    x, y: Numbers; see `GCNConv` and
        `metrics`.
    **kwargs: Others.

Call arguments:
    inputs: One of

        - "a": this;
        - "b": that.

Output shape:
    `[N]`.
"""
    links = {"GCNConv": "tfgraph.layers.GCNConv"}
    assert (
        extension.rewrite(docstring, links)
        == """Sums.

**Arguments:**

- **`x`**, **`y`** – Numbers; see [`GCNConv`][tfgraph.layers.GCNConv] and
    `metrics`.

- **`**kwargs`** – Others.

**Call arguments:**

- **`inputs`** – One of

    - "a": this;
    - "b": that.

**Output shape:**

`[N]`.
"""
    )


def test_equations_become_html(extension):
    docstring = """Sums.

    h_i' = (a + b) / Σ_{j ∈ N_i} w_ij
    Â = D̃^(-1/2) W₀ `x`

Of `i`.
"""
    spans = "<span class={}><span>{}</span><span>{}</span></span>".format
    total = spans('"limits"', "∑", "<i>j</i> ∈ <i>N</i><sub><i>i</i></sub>")
    divisor = f"{total} <i>w</i><sub><i>i</i><i>j</i></sub>"
    first = spans('"scripts"', "′", "<i>i</i>")
    second = spans('"fraction"', "<i>a</i> + <i>b</i>", divisor)
    last = "<i>Â</i> = <i>D̃</i><sup>−1/2</sup> <i>W</i><sub>0</sub> <i>x</i>"
    shown = extension.rewrite(docstring, {})
    assert re.sub(' aria-label=".*?"', "", shown).splitlines() == [
        "Sums.",
        "",
        '<div class="equation">'
        f'<div role="math"><i>h</i>{first} = {second}</div>'
        f'<div role="math">{last}</div></div>',
        "",
        "Of `i`.",
    ]


def test_the_reference_shows_equations(package):
    shown = {
        name: package[name].docstring.value.count('<div role="math"')
        for name in sorted(public_names())
    }
    assert shown["layers.GATConv"] == 3
    assert shown["losses.reconstruction_loss"] == 3
    assert shown["data.full_batch"] == 0
    assert sum(map(bool, shown.values())) > 25
