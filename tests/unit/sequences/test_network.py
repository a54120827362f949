"""What a network adds to a projection commutes with transposition, too."""

from itertools import pairwise

import numpy as np
import pytest

from coversim.errors import CoversimError
from coversim.sequences import patches
from coversim.sequences.network import Network, Weights, by_order, encode, load
from coversim.sequences.projection import (
    Projection,
    SecondMoments,
    as_complex,
    principal_components,
    transpose,
)


def song_patches(seed: int, frames: int = 120) -> np.ndarray:
    return patches.patches(np.random.default_rng(seed).random((1, 12, frames)) ** 3)


def projection(size: int = 40) -> Projection:
    moments = SecondMoments(16)
    moments.add(song_patches(1))
    return principal_components([moments], size)


def network(seed: int = 0, channels: int = 6, layers: int = 2, scale: float = 1.0) -> Network:
    """Of random weights."""
    random = np.random.default_rng(seed)
    start = projection()

    def normal(*shape: int) -> np.ndarray:
        return (random.normal(size=shape) + 1j * random.normal(size=shape)).astype(np.complex64)

    sizes = [16, *[channels] * layers]
    own = start.orders == np.arange(7)[:, None]
    return Network(
        start,
        tuple(normal(7, *pair) for pair in pairwise(sizes)),
        tuple(random.normal(size=channels).astype(np.float32) for _ in range(layers)),
        scale * normal(7, channels, len(start.orders)) * own[:, None],
    )


@pytest.mark.parametrize("semitones", [-5, 1, 6, 11])
@pytest.mark.parametrize("layers", [1, 3])
def test_vectors_of_the_transposed_song_are_the_transposed_vectors(semitones, layers):
    made, song = network(layers=layers), song_patches(2)
    there = made(patches.transpose(song, semitones))
    assert there.shape == (len(song), made.size)
    np.testing.assert_allclose(there, transpose(made(song), made.orders, semitones), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(there, axis=1), 1, rtol=1e-5)


def test_orders_meet_and_it_is_no_other_projection():
    """Twice the values of one order change what comes out of the others."""
    made, song = network(), song_patches(2)
    louder = song.copy()
    louder[:, 1] *= 2
    others = made.orders != 1
    for encoder, linear in ((made, False), (made.projection, True)):
        before, after = (as_complex(encoder(of), made.orders)[:, others] for of in (song, louder))
        directions = [of / np.linalg.norm(of, axis=1, keepdims=True) for of in (before, after)]
        assert np.allclose(*directions, atol=1e-4) == linear


def test_nothing_is_added_before_the_training():
    start, song = projection(), song_patches(2)
    np.testing.assert_allclose(network(scale=0)(song), start(song), atol=1e-6)


def test_a_layer_is_a_convolution_around_the_pitch_classes():
    """Step by step, with NumPy's Fourier transform and a loop over patches."""
    made, song = network(), song_patches(3)
    weights = Weights(by_order(made.projection), made.layers, made.biases, made.output)
    found = encode(song, weights)
    for patch, values in zip(song, found, strict=True):
        orders = patch / np.linalg.norm(patch)
        linear = np.array(
            [c.conj() @ orders[k] for k, c in zip(made.orders, made.projection.components, strict=True)]
        )
        expected = linear / np.linalg.norm(linear)
        for layer, bias in zip(made.layers, made.biases, strict=True):
            mixed = np.stack([orders[k] @ layer[k] for k in range(7)])
            mixed[[0, 6]] = mixed[[0, 6]].real
            pitched = np.maximum(np.fft.irfft(mixed, 12, axis=0, norm="ortho") + bias, 0)
            orders = np.fft.rfft(pitched, axis=0, norm="ortho")
        expected = expected + np.array(
            [orders[k] @ made.output[k, :, place] for place, k in enumerate(made.orders)]
        )
        np.testing.assert_allclose(values, expected, atol=1e-4)


def test_silence_stays_zero():
    song = song_patches(2)
    song[:5] = 0
    assert not network()(song)[:5].any()
    assert network()(song)[5:].any(axis=1).all()


def test_a_vector_depends_on_its_patch_alone_and_not_on_how_loud_it_is():
    made, song = network(), song_patches(2)
    np.testing.assert_allclose(made(3 * song[4:5]), made(song)[4:5], atol=1e-5)


def test_network_and_projection_survive_their_files(tmp_path):
    song = song_patches(2)
    for name, made in (("network", network()), ("projection", projection())):
        made.save(tmp_path / f"{name}.npz")
        read = load(tmp_path / f"{name}.npz")
        assert type(read) is type(made)
        assert (read.size, read.channels) == (40, 1)
        np.testing.assert_array_equal(read(song), made(song))


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "projection.npz"
    network().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CoversimError, match=r"projection\.npz.*Remedy"):
        load(path)
    np.savez(path, orders=projection().orders)
    with pytest.raises(CoversimError, match=r"projection\.npz.*components.*Remedy"):
        load(path)
