//! Pixels: decoding, transforms, prepared data and batches.
