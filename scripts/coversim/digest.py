"""What a script does, as a digest: the code of the script and of every project module that it imports.

Snakemake sees neither a change in a command that a `shell:` calls nor one in a module that it imports, so
each rule carries this digest in its `params`. Comments, white space and docstrings do not count; imports
made at run time by name (importlib) escape it.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "coversim"


def code_digest(script: Path, *assets: Path) -> str:
    """Sixteen hex digits for the code of `script` and of the modules it imports, directly or not.

    `script` lies beside the package; `assets` are other files that it reads, which count byte by byte. Paths
    do not count, so that moving a clone reruns nothing.
    """
    found: dict[Path, str] = {}
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path], imported = _code_and_imports(path)
            waiting += [script.parent / PACKAGE / f"{name}.py" for name in sorted(imported)]
    code: list[tuple[str, str | bytes]] = sorted(
        (path.relative_to(script.parent).as_posix(), text) for path, text in found.items()
    )
    code += [(asset.name, asset.read_bytes()) for asset in assets]
    return hashlib.sha256(repr(code).encode()).hexdigest()[:16]


@cache
def _code_and_imports(path: Path) -> tuple[str, frozenset[str]]:
    """Normal form of a file's code, and the names of the package's modules that it imports."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {
                name.name.split(".")[1] for name in node.names if name.name.startswith(PACKAGE + ".")
            }
        elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE + "."):
            imported.add(node.module.split(".")[1])
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return ast.unparse(tree), frozenset(imported)


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]
