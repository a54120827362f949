"""For the process that Snakemakes are copies of (workflow.py): what Snakemake and the Snakefile import as they start."""

from importlib import import_module

from snakemake.cli import get_argument_parser

get_argument_parser()  # which imports the plugins
for name in ("graphlib", "jsonschema", "packaging.version", "pandas", "requests"):
    import_module(name)
