"""What a script does, as a digest: the code of the script and of every project module that it imports.

Snakemake sees neither a change in a command that a `shell:` calls nor one in a module that it imports, so
each rule carries this digest in its `params`. Comments, white space and docstrings do not count; imports
made at run time by name (importlib) escape it.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
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
    found: set[Path] = set()
    left = {script}
    while left:
        found |= left
        left = {file for path in left for file in _imports(path, script.parent)} - found
    return sorted(found)


@cache
def _imports(path: Path, top: Path) -> set[Path]:
    """The files below `top` that are run when a file is: packages, modules, and of `*` all modules of the package."""
    package = path.parent.relative_to(top).parts
    imported: list[tuple[str, ...]] = []
    for node in _statements(_parsed(path)):
        if isinstance(node, ast.Import):
            imported += [tuple(name.name.split(".")) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = node.module.split(".") if node.module else ()
            imported += [(*above, *module, name.name) for name in node.names]
    return {
        file
        for names in imported
        for depth in range(len(names))
        for file in _files(top.joinpath(*names[:depth]), names[depth])
    }


@cache
def _files(folder: Path, name: str) -> list[Path]:
    return [*folder.glob(f"{name}.py"), *folder.glob(f"{name}/__init__.py")]


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements below a node, at any depth: no expressions, which are most of a tree, and hold none."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, field, ()):
            yield inner
            yield from _statements(inner)


@cache
def _normal_form(path: Path) -> str:
    """A file's code without comments, white space and docstrings."""
    tree = _parsed(path)
    for node in [tree, *_statements(tree)]:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return ast.unparse(tree)


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]
