"""Signatures, equations, sections and links of the reference: a griffe extension."""

import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path

import griffe

sys.path.append(str(Path(__file__).parent))  # griffe reads this file by its path
import equations

REFERENCE = Path(__file__).parent / "reference"
ITEMS = ("Args", "Call arguments", "Attributes")
TEXTS = ("Input shape", "Output shape", "Returns")
TITLES = {"Args": "Arguments"}

_SECTION = re.compile(
    rf"^(?P<title>{'|'.join(ITEMS + TEXTS)}):\n(?P<body>(?: +\S.*\n?|\n(?=[ \n]))+)",
    re.MULTILINE,
)
# Lines of equations in the text before the example and the sections.
_EQUATIONS = re.compile(r"(?:^    .*\S.*\n?)+", re.MULTILINE)
_AFTER_TEXT = re.compile(
    rf"^(?:```|(?:Example|Raises|{'|'.join(ITEMS + TEXTS)}):$)", re.MULTILINE
)
# An item is "name: text" or "name, name: text", which may go on in indented lines.
_ITEM = re.compile(
    r"^(?P<names>\S(?:[^:`]|\n)*?):(?P<text>.*(?:\n +.*|\n(?=\n* ))*)", re.MULTILINE
)
_QUOTED = re.compile(r"(?<!`)`(?:tfgraph\.)?([\w.]+)`(?!`)")


class Docstrings(griffe.Extension):
    """Rewrites signatures and docstrings of the package before they are rendered."""

    def on_package(self, *, pkg, **kwargs):
        links = _links()
        objects = list(_objects(pkg))
        for item in objects:
            if item.docstring:
                item.docstring.value = rewrite(item.docstring.value, links)
        for item in objects:
            if item.is_class:
                made = vars(importlib.import_module(item.module.path)).get(item.name)
                _show_signature(item, made)
                _show_methods(item, made, pkg)


def public_names() -> list[str]:
    """Returns the names on the pages of the reference, such as `layers.GATConv`."""
    pages = sorted(REFERENCE.rglob("*.md"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    introduction = r"\n +options:\n +show_root_heading: false"  # to a module
    return re.findall(rf"^::: tfgraph\.([\w.]+)$(?!{introduction})", text, re.MULTILINE)


def rewrite(docstring: str, links: dict[str, str]) -> str:
    """Returns a docstring with its equations, sections and links as Markdown."""
    end = _AFTER_TEXT.search(docstring)
    text = docstring[: end.start() if end else None]
    shown = _EQUATIONS.sub(lambda lines: equations.block(lines[0]) + "\n", text)
    docstring = shown + docstring.removeprefix(text)
    docstring = re.sub("^Example:$", "**Example:**", docstring, flags=re.MULTILINE)
    docstring = _SECTION.sub(_rewrite_section, docstring)
    return _QUOTED.sub(lambda quoted: _link(quoted, links), docstring)


def _rewrite_section(section):
    body = textwrap.dedent(section["body"])
    if section["title"] in ITEMS:
        body = _ITEM.sub(_rewrite_item, body).lstrip("\n")
    title = TITLES.get(section["title"], section["title"])
    return f"**{title}:**\n\n{body}"


def _rewrite_item(item):
    names = ", ".join(f"**`{name}`**" for name in re.split(r",\s*", item["names"]))
    # The empty line ends a list within the item before.
    return f"\n- {names} –{item['text']}"


def _links():
    """The target of each name by which docstrings quote a public object."""
    links = {name: f"tfgraph.{name}" for name in public_names()}
    # A short name in lower case may be an argument.
    classes = [name for name in links if name.split(".")[-1][0].isupper()]
    return links | {name.split(".")[-1]: links[name] for name in classes}


def _link(quoted, links):
    target = links.get(quoted[1])
    return f"[{quoted[0]}][{target}]" if target else quoted[0]


def _objects(parent):
    yield parent
    for member in parent.members.values():
        if not member.is_alias:
            yield from _objects(member)


def _show_signature(item, made):
    """Gives a layer class the signature that it makes for itself at run time."""
    if "__signature__" not in vars(made):
        return
    parameters = [
        griffe.Parameter(
            parameter.name,
            kind=griffe.ParameterKind(parameter.kind.description),
            default=_default(parameter),
        )
        for parameter in inspect.signature(made).parameters.values()
    ]
    own = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    parameters = griffe.Parameters(own, *parameters)
    item["__init__"] = griffe.Function("__init__", parameters=parameters)


def _show_methods(item, made, pkg):
    """Gives a class the methods that it takes from the functions of other modules."""
    for name, member in list(item.members.items()):
        function = getattr(made, name, None)
        is_function = inspect.isfunction(function) or inspect.ismethod(function)
        if not member.is_attribute or not is_function:
            continue
        module = function.__module__.removeprefix(f"{pkg.name}.")
        source = pkg[f"{module}.{function.__name__}"]
        item[name] = griffe.Function(
            name,
            parameters=griffe.Parameters(*list(source.parameters)[1:]),
            returns=source.returns,
            docstring=source.docstring,
        )


def _default(parameter):
    if parameter.kind is parameter.VAR_KEYWORD:
        return "{}"  # as griffe itself has it
    if parameter.default is parameter.empty:
        return None
    if inspect.isclass(parameter.default):
        return parameter.default.__name__
    return repr(parameter.default)
