"""What layers on torch would draw and remember, told instead while their calls are written down (`flat`)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from kerasmed.training.on_torch.draws import Draw


@dataclass
class Tape:
    """What a pass through a network takes from outside of its calls, and what it hands out.

    Attributes:
        given: What the layers are to take for drawn, in order; without it they take ones.
        draws: Everything that was drawn.
        moments: (layer, mean, inverse deviation) of every batch that was normalised.
    """

    given: "Sequence[torch.Tensor]" = ()
    draws: "list[Draw]" = field(default_factory=list)
    moments: "list[tuple[Any, torch.Tensor, torch.Tensor]]" = field(default_factory=list)

    def take(self, draw: "Draw") -> "torch.Tensor":
        """What a layer is to take for drawn."""
        import torch

        self.draws.append(draw)
        if self.given:
            return self.given[len(self.draws) - 1]
        return torch.ones(draw.shape, dtype=draw.dtype, device=draw.device)


_tapes: list[Tape] = []


@contextmanager
def taped(tape: Tape) -> Iterator[None]:
    """Layers draw nothing and remember nothing: `tape` is told what they would have."""
    _tapes.append(tape)
    try:
        yield
    finally:
        _tapes.pop()


def tape_at_hand() -> Tape | None:
    """The tape that is to be told, if one is."""
    return _tapes[-1] if _tapes else None
