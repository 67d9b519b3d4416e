//! `persona schema`: the published JSON Schema of `personas.json`.

use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::schema;

/// Prints the schema, which is JSON with and without `--json`.
pub(super) fn run(output: Output) -> Result<(), Failure> {
    output.document(&schema::json_schema())
}
