"""The base of every Config: frozen and typed; unknown keys are refused with a suggestion."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from protein_enn.deprecated import with_new_keys


class Settings(BaseModel):
    """A frozen pydantic model. The error for an unknown key names the key and the closest valid one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, values: Any) -> Any:
        """ValueError for a key that is not a field."""
        if isinstance(values, dict):
            values = with_new_keys(cls.__qualname__, values)
            for key in values:
                if key not in cls.model_fields:
                    close = difflib.get_close_matches(str(key), cls.model_fields, n=1)
                    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(cls.model_fields)}"
                    raise ValueError(f"unknown setting {key!r}: {hint}")
        return values
