"""What a script does, as a digest: the code of the script and of every project module that it imports.

Snakemake sees neither a change in a command that a `shell:` calls nor one in a module that it imports, so
each rule carries this digest in its `params`. Comments, white space and docstrings do not count; imports
made at run time by name (importlib) escape it.
"""

import ast
import hashlib
from functools import cache
from modulefinder import ModuleFinder
from pathlib import Path


def code_digest(script: Path, *assets: Path) -> str:
    """Sixteen hex digits for the code of `script` and of the modules beside it that it imports, directly or not.

    `assets` are other files that it reads, which count byte by byte. Paths do not count, so that moving a clone
    reruns nothing.
    """
    code: list[tuple[str, str | bytes]] = [
        (path.relative_to(script.parent).as_posix(), _normal_form(path)) for path in imported_by(script)
    ]
    code += [(asset.name, asset.read_bytes()) for asset in assets]
    return hashlib.sha256(repr(code).encode()).hexdigest()[:16]


def imported_by(script: Path) -> list[Path]:
    """The files of a script and of the modules below its folder that it imports, sorted."""
    finder = ModuleFinder(path=[str(script.parent)])
    finder.run_script(str(script))
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return sorted({Path(file) for file in files if file})


@cache
def _normal_form(path: Path) -> str:
    """A file's code without comments, white space and docstrings."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return ast.unparse(tree)


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]
