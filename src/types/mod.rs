//! The static types of the language: values, domain types, functions, steps, and grids with their axes.
