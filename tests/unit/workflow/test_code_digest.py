import pytest

from coversim.workflow.code_digest import code_digest


@pytest.fixture
def project(tmp_path):
    """A script that imports `spectrum`, which imports `window`; `unused` stands beside them."""

    def write(**changes):
        files = {
            "coversim/__init__": "",
            "fft": "from coversim import cli\nfrom coversim.spectrum import power\nprint(power)\n",
            "coversim/cli": "def run(): ...\n",
            "coversim/spectrum": '"""Spectra."""\nfrom coversim import window\n\ndef power(x):\n    return x ** 2\n',
            "coversim/window": "LENGTH = 4\n",
            "coversim/unused": "LENGTH = 8\n",
        } | {
            name.replace("coversim____init__", "coversim/__init__")
            .replace("signal____init__", "signal/__init__")
            .replace("coversim__", "coversim/")
            .replace("signal__", "signal/"): text
            for name, text in changes.items()
        }
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.py").write_text(text)
        return code_digest(folder / "fft.py")

    return write


def test_a_clone_elsewhere_has_the_same_digest(project):
    assert project() == project()


def test_editing_the_script_counts(project):
    assert project(fft="from coversim.spectrum import power\nprint(power, power)\n") != project()


def test_editing_an_imported_module_counts_also_at_second_hand(project):
    assert project(coversim__window="LENGTH = 5\n") != project()


def test_editing_an_unused_module_does_not_count(project):
    assert project(coversim__unused="LENGTH = 9\n") == project()


def test_comments_white_space_and_docstrings_do_not_count(project):
    edited = '"""Other words."""\n\nfrom coversim import window  # why\n\n\ndef power(x):\n    """Doc."""\n    return x**2\n'
    assert project(coversim__spectrum=edited) == project()


def test_an_import_inside_a_function_counts(project):
    lazy = "def run():\n    from coversim import unused\n    return unused\n"
    assert project(coversim__cli=lazy) != project(coversim__cli=lazy, coversim__unused="LENGTH = 9\n")


def test_an_asset_counts_byte_by_byte(tmp_path):
    script, page = tmp_path / "report.py", tmp_path / "page.html"
    script.write_text("print()\n")
    page.write_text("<p>")
    before = code_digest(script, page)
    page.write_text("<p> ")
    assert code_digest(script, page) != before != code_digest(script)


def test_relative_imports_count(project):
    relative = "from .window import LENGTH\n"
    assert project(coversim__spectrum=relative) != project(
        coversim__spectrum=relative, coversim__window="LENGTH = 5\n"
    )


def test_code_of_a_package_counts(project):
    assert project(coversim____init__="ANSWER = 42\n") != project()


def test_a_module_may_lie_in_a_package(project):
    moved = {
        "fft": "from coversim.signal.spectrum import power\nprint(power)\n",
        "coversim__signal____init__": "",
        "coversim__signal__spectrum": "power = 2\n",
    }
    assert project(**moved) != project(**{**moved, "coversim__signal__spectrum": "power = 3\n"})


def test_all_modules_of_a_package_count_where_all_of_it_is_imported(project):
    everything = "from coversim import *\n"
    assert project(fft=everything) != project(fft=everything, coversim__unused="LENGTH = 9\n")
