//! Static analysis: imports, names, types.
