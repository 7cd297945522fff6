//! Manifests and file headers: columns, labels and sizes, and the split of their rows into folds. Never pixels.
