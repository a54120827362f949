"""pyproject.toml names what the code imports, and nothing else; so does the picture of the package's folders."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
PROGRAMS = {
    "snakemake-executor-plugin-slurm",  # `executor: slurm` in profiles/slurm
    "pytest-xdist",  # `pytest -n` in the Makefile
    "platformdirs",  # `make profile`
}
PRODUCT = ("Snakefile", "rules/*.smk", "scripts/**/*.py")
IMPORTS = re.compile(
    r'^ *from (\w+)[\w.]* import |^ *import (\w+)|importorskip\("(\w+)', re.MULTILINE
)  # one a line, as ruff has it
OURS = {path.stem for folder in ("scripts", "tests") for path in (ROOT / folder).rglob("*.py")} | {"coversim"}


def imported(*patterns: str) -> set[str]:
    """The packages, as pip names them, whose modules the code imports."""
    text = "\n".join(path.read_text() for pattern in patterns for path in ROOT.glob(pattern))
    modules = {name for names in IMPORTS.findall(text) for name in names if name}
    known = packages_distributions()
    return {
        _normal(known.get(module, [module])[0]) for module in modules - OURS - set(sys.stdlib_module_names)
    }


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


def named(*groups: str) -> set[str]:
    return {_normal(re.split("[=<>]", name)[0]) for group in groups for name in GROUPS[group]}


def test_what_the_product_imports_is_named():
    assert imported(*PRODUCT) - named("workflow") == set()


def test_what_is_named_for_the_product_is_used():
    assert named("workflow") - imported(*PRODUCT) - PROGRAMS == set()


def test_what_the_tests_import_is_named():
    assert (
        imported("tests/**/*.py") - named("workflow", "test", "peers") - {"atheris"} == set()
    )  # for fuzzing


def test_what_is_named_for_the_tests_is_used():
    assert named("test") - imported("tests/**/*.py") - PROGRAMS == set()


@pytest.mark.parametrize("group", ["workflow", "test", "lint"])
def test_what_is_named_is_locked(group):
    locked = {_normal(line.partition("==")[0]) for line in (ROOT / "requirements.lock").read_text().split()}
    assert named(group) <= locked


def test_the_picture_of_the_house_has_every_import_between_its_folders_and_no_other():
    page = (ROOT / "docs" / "architecture.md").read_text()
    arrows = re.findall(r"^    (\w+) --> ([\w& ]+)$", page, flags=re.MULTILINE)
    drawn = {(folder, other) for folder, others in arrows for other in others.split(" & ")}
    found = set()
    for path in (ROOT / "scripts" / "coversim").glob("*/**/*.py"):
        if path.name != "torch_pairs.py":  # the page says so
            folder = path.relative_to(ROOT / "scripts" / "coversim").parts[0]
            others = re.findall(
                r"^ *from coversim\.(\w+)[.\w]* import ", path.read_text(), flags=re.MULTILINE
            )
            found |= {(folder, other) for other in others if (ROOT / "scripts" / "coversim" / other).is_dir()}
    assert {(folder, other) for folder, other in found if other not in (folder, "storage")} == drawn
