"""Runs each guide, `docs/guides/*.py`, and makes a page and a notebook of it.

MkDocs calls this. A guide is a script in cells, as Jupytext reads it: "# %% [markdown]"
starts text, and "# %%" code. Cells with `tags=["hidden"]` run but are not shown: they
hold checks, and a failed check ends the build. What a guide gave is kept, in
`.cache/guides`, until the guide or the package changes.
"""

import base64
import hashlib
import os
import re
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import equations
import jupytext
import nbformat
from mkdocs.structure.files import File
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "guides"
SECONDS = 300  # for one cell
TIMED = {"speed"}  # guides that measure time run alone
HIDDEN = {"tags": ["hidden"]}
EQUATIONS = re.compile(r"^```equation\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
FIRST = """%matplotlib inline
import tensorflow as tf
tf.get_logger().setLevel("ERROR")"""


def on_files(files, config):
    """Adds the pages, the pictures and the notebooks to the site."""
    sources = sorted((ROOT / "docs" / "guides").glob("*.py"))
    if "TFGRAPH_DATA_DIR" in os.environ:  # the guides run in other folders
        data = os.path.abspath(os.environ["TFGRAPH_DATA_DIR"])
        os.environ["TFGRAPH_DATA_DIR"] = data
    with ThreadPoolExecutor(num_cores()) as pool:  # each guide is a process of its own
        list(pool.map(executed, [each for each in sources if each.stem not in TIMED]))
    for source in sources:
        notebook = executed(source)
        page, pictures = rendered(notebook, source.stem)
        made = {f"{source.stem}.md": page, **pictures}
        made[f"{source.stem}.ipynb"] = nbformat.writes(notebook)
        for name, content in made.items():
            files.append(File.generated(config, f"guides/{name}", content=content))
    return files


def executed(source):
    """Returns the notebook of a guide with its outputs, without hidden cells."""
    code = [source, Path(__file__), *sorted((ROOT / "tfgraph").rglob("*.py"))]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest()[:16]
    kept = CACHE / f"{source.stem}-{key}.ipynb"
    if kept.exists():
        return nbformat.read(kept, as_version=4)
    notebook = jupytext.read(source)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(FIRST, metadata=HIDDEN))
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=SECONDS, resources=resources).execute()
    print(f"{source.relative_to(ROOT)}: {time.perf_counter() - begin:.0f} s")
    notebook.cells = [cell for cell in notebook.cells if not is_hidden(cell)]
    CACHE.mkdir(parents=True, exist_ok=True)
    for outdated in CACHE.glob(f"{source.stem}-*.ipynb"):
        outdated.unlink()
    nbformat.write(notebook, kept)
    return notebook


def num_cores():
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_hidden(cell):
    return "hidden" in cell.metadata.get("tags", [])


def rendered(notebook, name):
    """Returns the page, in Markdown, and the pictures by the names of their files."""
    parts, pictures = [], {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(EQUATIONS.sub(_equations, cell.source))
            continue
        parts.append(f"```python\n{cell.source}\n```")
        # What goes to "stderr" are TensorFlow's notes about the machine.
        outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
        images = [each.data["image/png"] for each in outputs if is_picture(each)]
        text = "".join(text_of(each) for each in outputs if not is_picture(each))
        if text:
            parts.append(f'```text title="Output"\n{text.rstrip()}\n```')
        for image in images:
            picture = f"{name}-{len(pictures) + 1}.png"
            pictures[picture] = base64.b64decode(image)
            parts.append(f"![{cell.metadata['alt']}]({picture})")
    title, *rest = parts
    download = f"[Download this page as a notebook]({name}.ipynb){{ .md-button }}"
    return "\n\n".join([title, *rest, download]), pictures


def _equations(found):
    return equations.block(found[1])


def is_picture(output):
    return "image/png" in output.get("data", {})


def text_of(output):
    """Returns what a cell printed, or the value of its last line."""
    return output.get("text") or output.get("data", {}).get("text/plain", "") + "\n"
