"""Every output is recorded when it is written, so that damage is found."""

import subprocess

import pytest

from coversim.errors import CoversimError
from coversim.storage import checksums
from coversim.storage.atomic import replacing


@pytest.fixture
def output(tmp_path):
    path = tmp_path / "fft" / "0000.h5"
    with replacing(path) as temporary:
        temporary.write_bytes(bytes(range(256)))
    return path


def found(output, at_work=False):
    folder = output.parents[1]
    [finding] = checksums.findings(folder, [output.relative_to(folder)], at_work).values()
    return finding


def test_what_was_written_is_intact(output):
    checksums.check(output)
    assert found(output) == "intact"


def test_one_flipped_bit_is_damage(output):
    content = bytearray(output.read_bytes())
    content[100] ^= 1
    output.write_bytes(content)
    with pytest.raises(CoversimError, match=r"0000\.h5: damaged.*Remedy: delete it"):
        checksums.check(output)
    assert found(output) == "damaged"


def test_an_output_that_is_gone_is_missing(output):
    output.unlink()
    assert found(output) == "missing"
    assert found(output, at_work=True) == "being made"


def test_what_was_never_recorded_is_taken_as_it_is(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"from elsewhere")
    checksums.check(path)


def test_an_output_without_a_record_is_found_where_it_is_looked_for(output):
    checksums.record_of(output).unlink()
    assert found(output) == "without a record"


def test_an_output_written_again_has_a_new_record(output):
    with replacing(output) as temporary:
        temporary.write_bytes(b"other")
    checksums.check(output)
    with replacing(output, recorded=False) as temporary:
        temporary.write_bytes(b"unrecorded")
    checksums.check(output)
    assert found(output) == "without a record"


def test_sha256sum_understands_a_record(output):
    record = checksums.record_of(output)
    subprocess.run(["sha256sum", "--check", record.name], cwd=record.parent, check=True, capture_output=True)
