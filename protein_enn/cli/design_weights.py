"""Which design weights a command uses and how they are computed: options that score, scan, rank, design, ... have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.options import (
    Condition,
    Device,
    DeviceOption,
    LanguageWeights,
    Threads,
    Weights,
    predictor_for,
)

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor


class Precision(StrEnum):
    """Of matrix products."""

    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass(frozen=True)
class DesignWeights:
    """Each field is an option of every command that takes a parameter of this type."""

    weights: Weights = None
    language_weights: LanguageWeights = None
    condition: Condition = None
    precision: Annotated[
        Precision,
        typer.Option(
            help="Of matrix products. bfloat16 is faster on CPUs with AMX and on GPUs; it changes a log-likelihood "
            "by some 0.002 nats."
        ),
    ] = Precision.float32
    device: DeviceOption = Device.auto
    threads: Threads = None

    def predictor(self, use: str, device: Device | None = None) -> Predictor:
        """The predictor, with the default condition of a use; `device` replaces that of the options."""
        return predictor_for(
            "design",
            self.weights,
            device or self.device,
            self.threads,
            self.language_weights,
            condition=self.condition,
            precision=self.precision.value,
            use=use,
        )
