//! InLong's: the Go client into the collector, and the Java reader of stored packs on what the collector keeps.

mod go;
mod reader;

use super::{Cases, Places, Problem};

/// The Go client in all its forms.
pub(super) fn go(places: &Places) -> Result<Cases, Problem> {
    let program = go::prepare(places).map_err(Problem::Missing)?;
    go::run(&program).map_err(Problem::Failed)
}

/// Frames of type 7 as the collector keeps them, read by the vendor's Java reader.
pub(super) fn reader(places: &Places) -> Result<Cases, Problem> {
    let reader = reader::prepare(places).map_err(Problem::Missing)?;
    reader::run(reader).map_err(Problem::Failed)
}
