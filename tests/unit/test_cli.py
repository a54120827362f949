import pytest

from coversim import cli
from coversim.errors import BadSong, CoversimError


@pytest.mark.parametrize(
    "error",
    [
        CoversimError("x.h5: damaged. Remedy: delete it"),
        BadSong("damaged", "fetch it again"),
        FileNotFoundError(2, "No such file", "x.h5"),
    ],
)
def test_an_error_that_the_user_can_mend_is_one_line(error):
    def main():
        raise error

    with pytest.raises(SystemExit) as ended:
        cli.run(main)
    assert str(ended.value) == f"error: {error}"


def test_a_mistake_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: 1 / 0)
