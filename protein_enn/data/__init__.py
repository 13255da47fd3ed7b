"""From files to batches: prepared stores, splits by cluster, budgets of residues. Depends on no task and no model."""

from protein_enn.data.chain import Chain
from protein_enn.data.preparation import prepare
from protein_enn.data.store import Store

__all__ = ["Chain", "Store", "prepare"]
