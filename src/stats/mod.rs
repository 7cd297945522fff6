//! Statistics on slices: ROC curves, DeLong and clustered variance, multi-class AUC, multiplicity.
