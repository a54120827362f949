"""What a network adds to the vectors of a projection, in a way that commutes with transposition, too.

A layer mixes the values of each order of a patch by itself, which is a convolution along the circle of pitch classes;
goes back from orders to pitch classes, where it adds a bias and cuts off what is negative, the same for all of them;
and takes the orders of what is left. So orders meet, and nothing knows which pitch class is which. What comes out
is added to the values of the projection, of each order by itself, and is nothing before the training.

The same code computes with NumPy, and with torch in the training (coversim.sequences.siamese).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coversim.errors import CoversimError
from coversim.sequences.patches import ORDERS, unit
from coversim.sequences.projection import PatchEncoder, Projection, as_real
from coversim.storage import npz

PITCH_CLASSES = 12
TINY = 1e-12
_ANGLES = 2 * np.pi / PITCH_CLASSES * np.outer(np.arange(PITCH_CLASSES), np.arange(ORDERS))
_TWICE = np.where(
    np.isin(np.arange(ORDERS), (0, ORDERS - 1)), 1, 2
)  # an order stands for its mirror image, too
# from orders to pitch classes and back, with the same mean square there and here
TO_PITCH = np.stack([_TWICE * np.cos(_ANGLES), -_TWICE * np.sin(_ANGLES)]).astype(np.float32) / 12**0.5
TO_ORDERS = np.stack([np.cos(_ANGLES).T, -np.sin(_ANGLES).T]).astype(np.float32) / 12**0.5


class Weights(NamedTuple):
    """Arrays, or tensors."""

    projection: (
        Any  # (7, F, K) complex: patches to the values of its components, zero where the order is another
    )
    layers: tuple[Any, ...]  # (7, F or C, C) complex
    biases: tuple[Any, ...]  # (C,)
    output: Any  # (7, C, K) complex, zero where the order is another


def encode(patches: Any, weights: Weights, constant: Callable[[np.ndarray], Any] = np.asarray) -> Any:
    """Values (L, K), complex, of patches (L, 7, F); `constant` makes an array of the kind of the patches."""
    length = (abs(patches) ** 2).sum((1, 2))[:, None, None] ** 0.5
    orders = (patches / length.clip(TINY)).swapaxes(0, 1)
    linear = (orders @ weights.projection).sum(0)
    linear = linear / ((abs(linear) ** 2).sum(1)[:, None] ** 0.5).clip(TINY)
    to_pitch, to_orders = constant(TO_PITCH), constant(TO_ORDERS)
    for layer, bias in zip(weights.layers, weights.biases, strict=True):
        mixed = orders @ layer
        shape = mixed.shape[1:]
        mixed = mixed.reshape(ORDERS, -1)
        pitched = to_pitch[0] @ mixed.real + to_pitch[1] @ mixed.imag
        pitched = (pitched.reshape(PITCH_CLASSES, *shape) + bias).clip(0).reshape(PITCH_CLASSES, -1)
        orders = (to_orders[0] @ pitched + 1j * (to_orders[1] @ pitched)).reshape(ORDERS, *shape)
    return (linear + (orders @ weights.output).sum(0)) * (length[:, :, 0] > 0)


def by_order(projection: Projection) -> np.ndarray:
    """The components of a projection as `Weights` have them, (7, F, K)."""
    matrix = np.zeros((ORDERS, projection.components.shape[1], len(projection.orders)), np.complex64)
    for place, (order, component) in enumerate(zip(projection.orders, projection.components, strict=True)):
        matrix[order, :, place] = component.conj()
    return matrix


@dataclass(frozen=True)
class Network:
    """A trained network; it stands where a Projection stands."""

    projection: Projection
    layers: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    output: np.ndarray

    @property
    def orders(self) -> np.ndarray:
        """Of the components of its projection: its vectors are as those."""
        return self.projection.orders

    @property
    def size(self) -> int:
        """Real numbers of a vector."""
        return self.projection.size

    @property
    def channels(self) -> int:
        """Features of the frames."""
        return self.projection.channels

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Vectors (L, size) float32 at unit length, of patches (L, 7, F); of silence, zero."""
        weights = Weights(by_order(self.projection), self.layers, self.biases, self.output)
        return unit(as_real(encode(patches, weights), self.orders))

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        return {
            **self.projection.arrays(),
            **{f"layer_{place}": layer for place, layer in enumerate(self.layers)},
            **{f"bias_{place}": bias for place, bias in enumerate(self.biases)},
            "output": self.output,
        }

    def save(self, path: Path | str) -> None:
        """Write it to an .npz file."""
        npz.write(path, **self.arrays())


def of_arrays(arrays: Mapping[str, np.ndarray]) -> PatchEncoder:
    """The projection, or the network, whose `arrays` these are."""
    projection = Projection(arrays["orders"], arrays["components"])
    if "output" not in arrays:
        return projection
    places = range(sum(name.startswith("layer_") for name in arrays))
    layers, biases = (tuple(arrays[f"{name}_{place}"] for place in places) for name in ("layer", "bias"))
    return Network(projection, layers, biases, arrays["output"])


def load(path: Path | str) -> PatchEncoder:
    """What makes vectors of patches, from the file that it was saved to; a damaged one raises a CoversimError."""
    arrays = npz.read_all(path)
    try:
        return of_arrays(arrays)
    except KeyError as error:
        raise CoversimError(
            f"{path}: without the array {error}. Remedy: delete it; the next run makes it anew"
        ) from error
