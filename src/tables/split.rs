//! Folds: which group is trained on, watched or tested, by which member.
