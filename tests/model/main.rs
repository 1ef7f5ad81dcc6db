//! The engine against a reference model of plain maps.
