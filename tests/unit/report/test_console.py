import json

from coversim.report.console import print_headline

COLUMNS = "experiment\tseed\tkept_epoch\tcollection\tsongs\tmap\tmap_low\tmap_high\tmr1\thit_at_1\n"


def test_a_run_ends_with_its_metrics_and_the_reports_path(tmp_path, capsys):
    (tmp_path / "metrics.tsv").write_text(
        COLUMNS + "vector\t1\t7\ttest\t120\t0.5012\t0.41\t0.59\t3.25\t0.44\n"
    )
    (tmp_path / "report.html").touch()
    print_headline(tmp_path)
    said = capsys.readouterr().out
    assert "vector" in said
    assert "0.501 (0.410 to 0.590)" in said
    assert f"report: {tmp_path / 'report.html'}" in said
    assert "WARNING" not in said
    assert "Untrained" not in said


def test_a_model_that_kept_epoch_0_is_called_untrained_once(tmp_path, capsys):
    rows = [
        f"{run}\t{collection}\t120\t0.5\t0.4\t0.6\t3\t0.4\n"
        for run in ("vector\t1\t7", "vector\t2\t0", "brief\t1\t0", "pca\t1\t")
        for collection in ("valid", "test")
    ]
    (tmp_path / "metrics.tsv").write_text(COLUMNS + "".join(rows))
    print_headline(tmp_path)
    [line] = [line for line in capsys.readouterr().out.splitlines() if "Untrained" in line]
    assert line.endswith(": vector (seed 2), brief (seed 1)")


def test_a_metric_that_does_not_exist_is_a_dash(tmp_path, capsys):
    (tmp_path / "metrics.tsv").write_text(COLUMNS + "vector\t1\t7\ttest\t3\t\t\t\t\t\n")
    print_headline(tmp_path)
    assert "– (– to –)" in capsys.readouterr().out


def test_works_that_were_trained_on_are_said_to_be_left_out(tmp_path, capsys):
    config = {"datasets": {"train": {"root": None}, "benchmark": {"root": "/b"}, "other": None}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    folder = tmp_path / "catalogue" / "benchmark"
    folder.mkdir(parents=True)
    split = {"benchmark": {"works": 5, "songs": 9}, "shared": {"works": 2, "songs": 7}}
    (folder / "summary.json").write_text(json.dumps({"split": split}))
    print_headline(tmp_path)
    assert (
        "benchmark: 2 of its works are left out, with 7 songs: they are also among" in capsys.readouterr().out
    )


def test_songs_set_aside_are_warned_of_once_each(tmp_path, capsys):
    header = "dataset\tfeature\twork\tperformance\treason\tremedy\n"
    rows = "train\tcrema\tW\tP1\ttruncated\tfetch\ntrain\thpcp\tW\tP1\ttruncated\tfetch\ntrain\t\tW\tP2\tin two works\tmove\n"
    (tmp_path / "set_aside.tsv").write_text(header + rows)
    print_headline(tmp_path)
    assert "WARNING: 2 songs were set aside" in capsys.readouterr().out


def test_the_most_frequent_reasons_are_said_with_their_counts(tmp_path, capsys):
    header = "dataset\tfeature\twork\tperformance\treason\tremedy\n"
    rows = [
        f"train\tcrema\tW\tP{number}\tP{number}.h5: reason {number // 2}\tfetch\n" for number in range(1, 13)
    ]
    (tmp_path / "set_aside.tsv").write_text(header + "".join(rows))
    print_headline(tmp_path)
    said = capsys.readouterr().out
    assert "2 × crema: reason 1\n" in said
    assert "reason 0" not in said
    assert "and 2 other reasons" in said


def test_an_interrupted_run_has_no_headline(tmp_path, capsys):
    print_headline(tmp_path)
    assert capsys.readouterr().out == ""
