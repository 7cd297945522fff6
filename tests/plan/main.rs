//! Plans of whole programs over small tables: what is planned, and what is refused.

mod cases;
mod families;
mod fixture;
mod grids;
mod models;
mod nets;
mod pages;
mod quickstart;
mod pictures;
mod refused;
mod rows;
mod sampling;
mod training;
mod views;
