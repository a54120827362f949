"""Augmentation: what each step changes, what it leaves, and that a seed repeats it."""

import pytest
import torch

from coversim.siamese.augmentation import STEPS, TOGETHER, augment, excerpt, varied

NONE = dict.fromkeys(STEPS, 0.0)


def song(length: int = 120) -> torch.Tensor:
    return torch.rand(2, 12, length, generator=torch.Generator().manual_seed(3))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_amounts_a_song_stays_as_it_is() -> None:
    torch.testing.assert_close(augment(song(), NONE, generator()), song(), rtol=0, atol=0)


@pytest.mark.parametrize("step", STEPS)
def test_a_seed_repeats_a_step_and_another_does_not(step: str) -> None:
    amounts = NONE | {step: 0.9}
    first = augment(song(), amounts, generator(1))
    assert torch.equal(first, augment(song(), amounts, generator(1)))
    others = [augment(song(), amounts, generator(seed)) for seed in range(2, 8)]
    assert any(first.shape != other.shape or not torch.equal(first, other) for other in others)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("length", [1, 2, 5, 300])
def test_a_song_of_any_length_stays_a_song(step: str, length: int) -> None:
    for seed in range(20):
        changed = augment(song(length), NONE | {step: 1.0}, generator(seed))
        assert changed.shape[:2] == (2, 12)
        assert changed.shape[2] >= 1
        assert changed.isfinite().all()
        assert (changed >= 0).all()


def test_a_step_leaves_the_song_itself_alone() -> None:
    original = song()
    augment(original, dict.fromkeys(STEPS, 0.5), generator())
    assert torch.equal(original, song())


@pytest.mark.parametrize("length", [30, 120, 300])
def test_an_excerpt_goes_on_at_the_start_of_the_song(length: int) -> None:
    found = excerpt(song(), length, generator())
    endless = song().repeat(1, 1, 4)
    assert any(torch.equal(found, endless[..., start : start + length]) for start in range(120))


def test_excerpts_start_anywhere() -> None:
    ramp = torch.arange(5.0).expand(1, 12, 5)
    assert {excerpt(ramp, 2, generator(seed))[0, 0, 0].item() for seed in range(60)} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("frames", "seconds", "songs", "expected"),
    [
        (120, 0, 48, 120),  # a song that is seen whole
        (TOGETHER, 0, 48, TOGETHER // 48),  # a recording of hours
        (TOGETHER, 0, 1, TOGETHER),
        (120, 10.0, 48, 40),
        (TOGETHER, 10.0, 48, 40),
    ],
)
def test_a_batch_is_bounded_in_frames(frames: int, seconds: float, songs: int, expected: int) -> None:
    settings = {"train": {"augmentation": NONE, "excerpt": seconds}, "fft": {"rate": 4.0, "frames": None}}
    assert varied(song(frames), settings, generator(), songs).shape == (2, 12, expected)


def test_songs_of_a_configured_number_of_frames_stay_whole() -> None:
    settings = {"train": {"augmentation": NONE, "excerpt": 0}, "fft": {"rate": None, "frames": 600}}
    assert varied(song(600), settings, generator(), 2**16).shape == (2, 12, 600)


def test_form_drops_or_repeats_one_section() -> None:
    lengths = set()
    for seed in range(60):
        changed = STEPS["form"](song(), 1.0, generator(seed))
        length = changed.shape[2]
        lengths.add(length > 120)
        assert 80 <= length <= 160
        same = (changed[..., : min(length, 120)] == song()[..., : min(length, 120)]).all(dim=(0, 1)).int()
        start = int(same.cumprod(0).sum())  # up to here it is the song …
        assert torch.equal(
            changed[..., start:], song()[..., start + 120 - length :]
        )  # … and from there on, later
    assert lengths == {True, False}


def test_tempo_keeps_the_course_of_the_song() -> None:
    ramp = torch.linspace(0, 1, 200).expand(1, 12, 200)
    lengths = []
    for seed in range(40):
        changed = STEPS["tempo"](ramp, 0.4, generator(seed))
        lengths.append(changed.shape[2])
        expected = (torch.arange(changed.shape[2]) + 0.5) / changed.shape[2]
        torch.testing.assert_close(changed[0, 0], expected, rtol=0, atol=0.01)
    assert min(lengths) >= 200 / 1.41
    assert max(lengths) <= 200 * 1.41
    assert min(lengths) < 160
    assert max(lengths) > 250


def test_overtones_leak_into_fifth_and_major_third() -> None:
    note = torch.zeros(1, 12, 4)
    note[:, 2] = 1
    changed = STEPS["overtones"](note, 0.5, generator())
    assert changed[0, :, 0].nonzero().flatten().tolist() == [2, 6, 9]
    assert (changed[0, [6, 9]] <= 0.5).all()


def test_a_pitch_class_is_louder_or_softer_throughout_the_song() -> None:
    ratio = STEPS["gain"](song(), 0.5, generator()) / song()
    torch.testing.assert_close(ratio, ratio[:1, :, :1].expand_as(ratio))
    assert ratio.amin() < 1 < ratio.amax()


def test_noise_is_at_most_its_share_of_the_loudest_value() -> None:
    added = STEPS["noise"](7 * song(), 0.1, generator()) - 7 * song()
    assert added.max() > 0
    assert (added > -1e-5).all()
    assert (added < 0.1 * 7 + 1e-5).all()
