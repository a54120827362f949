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
    left = [script]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += _imports(path, script.parent)
    return sorted(found)


@cache
def _imports(path: Path, top: Path) -> list[Path]:
    """The files below `top` that a file imports itself."""
    package = path.parent.relative_to(top).parts
    files: list[Path] = []
    for node in _statements(_parsed(path)):
        if isinstance(node, ast.Import):
            for name in node.names:
                files += _run_by_import_of(name.name.split("."), top)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = node.module.split(".") if node.module else ()
            for name in node.names:
                files += _run_by_import_of([*above, *module, name.name], top)
    return files


def _run_by_import_of(names: list[str], folder: Path) -> list[Path]:
    """The files that are run when a module is imported, packages first; of `*` all modules of the package."""
    files: list[Path] = []
    for name in names:
        package = folder / name / "__init__.py"
        if not package.is_file():
            modules = folder.glob("*.py") if name == "*" else [folder / f"{name}.py"]
            return files + [module for module in modules if module.is_file()]
        files.append(package)
        folder /= name
    return files


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
