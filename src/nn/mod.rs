//! A network graph compiled to a plan of layer calls with explicit forward and backward, and its kernels.
