"""Arrays in .npz files, written so that the same arrays give the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from protein_enn.io import atomic


def write_arrays(path: str | Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays to a .npz file that `numpy.load` reads.

    Parameters
    ----------
    path
        The file.
    arrays
        By name: numbers or texts, lists or tensors of them.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            one = io.BytesIO()
            np.lib.format.write_array(one, np.asarray(values), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), one.getvalue(), zipfile.ZIP_DEFLATED)
    atomic.write_bytes(path, whole.getvalue())
