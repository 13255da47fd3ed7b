"""Columns of a ranking that say what a design is like apart from its score, by what they are computed from."""

from __future__ import annotations

from protein_enn.scoring.column import HIGHER, LOWER, Column

AREA = "Å^2"
SHAPE = {
    "sasa": Column(AREA, None, "accessible surface (Shrake and Rupley, probe 1.4 Å); empty without side chains"),
    "hydrophobic_patch": Column(AREA, LOWER, "surface of the largest patch of exposed side chains of A I L M F W V"),
    "hydrophobic_patches": Column(AREA, LOWER, "surface of all patches of more than 100 Å^2 together"),
    "unsatisfied_polar": Column("atoms", LOWER, "buried N and O that could make a hydrogen bond and make none"),
    "clashes": Column("atom pairs", LOWER, "overlaps of heavy atoms by 0.4 Å or more"),
}
INTERFACE = {
    "buried_area": Column(AREA, None, "accessible surface of the sides alone minus that of the complex"),
    "hydrogen_bonds": Column("bonds", HIGHER, "hydrogen bonds across the interface, found from heavy atoms"),
    "shape_complementarity": Column(
        None, HIGHER, "Sc of Lawrence and Colman, mean over the sides: 0.7 is that of many protease inhibitors"
    ),
    "unsatisfied_polar_interface": Column("atoms", LOWER, "of unsatisfied_polar, those that the interface buries"),
}
CONFIDENCE = {
    "plddt": Column(None, HIGHER, "mean predicted lDDT, 0 to 100, by the program that predicted the model"),
    "ptm": Column(None, HIGHER, "predicted TM-score of the whole model, 0 to 1, by that program"),
    "iptm": Column(None, HIGHER, "predicted TM-score of the interfaces, 0 to 1, by that program"),
    "pae": Column("Å", LOWER, "mean predicted aligned error over all pairs of residues, by that program"),
    "interface_pae": Column("Å", LOWER, "mean predicted aligned error over pairs of residues of different sides"),
    "confidence_files": Column(None, None, "files beside the model that these values were read from"),
}
SEQUENCE = {
    "isoelectric_point": Column("pH", None, "pH at which the chains have no charge, by the pK values of Biopython"),
}
NOISE = {
    "noise_error": Column(
        "nats per residue", LOWER, "standard deviation of log_likelihood over backbones noised by 0.1 Å"
    ),
    "difference_error": Column(
        "nats per residue",
        None,
        "of difference_to_next: over decoding orders and over noised backbones",
    ),
}
PACKING = {
    "packing_log_density": Column(
        "nats per residue",
        HIGHER,
        "mean log-density of the side chains' angles, each given all others; empty without side chains",
    ),
}
PROPERTIES = {**SEQUENCE, **SHAPE, **PACKING, **INTERFACE, **CONFIDENCE, **NOISE}
"""All of them."""
