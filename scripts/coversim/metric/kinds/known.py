"""All kinds of metric, by the names that files have for them."""

from coversim.metric.kinds.kind import Kind
from coversim.metric.kinds.points import Embeddings, Fused
from coversim.metric.kinds.sequences import Sequences

KINDS: dict[str, type[Kind]] = {kind.name: kind for kind in (Embeddings, Fused, Sequences)}
