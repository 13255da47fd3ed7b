"""Rotated examples: the same to an equivariant network, different to another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from protein_enn.training import train

Make = Callable[..., Path]
MODELS = {
    "tensor_field": "{k: 6, encoder_settings: {layers: 1, scalars: 16, odd: 4, channels: 4, edges: 8, hidden: 8}}",
    "coordinates": "{k: 6, encoder: coordinates, encoder_settings: {layers: 1, scalars: 16, edges: 8, hidden: 8}}",
}


@pytest.mark.parametrize("task", ["displacement", "refinement"])
def test_only_the_control_changes_with_rotated_examples(
    task: str, tmp_path: Path, store: Path, experiment: Make
) -> None:
    """Targets rotate with their graphs: else the equivariant network, too, would be trained on something else."""
    found: dict[tuple[str, str], float] = {}
    for encoder, model in MODELS.items():
        for augment in ("none", "rotations", "reflections"):
            config = experiment(task, 3, f"{encoder}-{augment}", model=model, augment=augment)
            found[encoder, augment] = train(config, tmp_path / config.stem, data=store, log=lambda line: None).best
    for augment in ("rotations", "reflections"):
        assert found["tensor_field", augment] == pytest.approx(found["tensor_field", "none"], rel=2e-4)
        assert found["coordinates", augment] != pytest.approx(found["coordinates", "none"], rel=2e-3)


def test_reflections_are_something_new_to_odd_scalars(tmp_path: Path, store: Path, experiment: Make) -> None:
    found = {}
    for augment in ("none", "rotations", "reflections"):
        config = experiment("design", 3, augment, augment=augment)
        found[augment] = train(config, tmp_path / augment, data=store, log=lambda line: None).best
    assert found["rotations"] == pytest.approx(found["none"], rel=2e-4)
    assert found["reflections"] != pytest.approx(found["none"], rel=2e-4)


def test_unknown_augmentations_are_answered(tmp_path: Path, store: Path, experiment: Make) -> None:
    with pytest.raises(ValueError, match="augment"):
        train(experiment("design", 2, augment="turns"), tmp_path / "run", data=store, log=lambda line: None)
