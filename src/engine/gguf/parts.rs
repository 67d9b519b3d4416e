//! Models that were split over several files.
//!
//! Owns how the parts are named and how they prove that they belong together: `split.no` counts
//! from 0, `split.count` is the same in all, and together they hold `split.tensors.count` tensors.
//! All metadata of the model is in the first part.
//!
//! Format: <https://github.com/ggml-org/llama.cpp/tree/master/tools/gguf-split>.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::header::{HeaderReader, Refused, Tensors};
use super::metadata::Metadata;

/// Most parts of a model; real models have a dozen.
const MAX_PARTS: u64 = 999;

/// The paths of the files that follow the first part at `path`; empty for a model in one file.
pub(super) fn of(path: &Path, metadata: &Metadata) -> Result<Vec<PathBuf>, Refused> {
    let count = metadata.unsigned("split.count")?.unwrap_or(1);
    if count <= 1 {
        return Ok(Vec::new());
    }
    if count > MAX_PARTS {
        return Err(format!("metadata 'split.count' is {count} (at most {MAX_PARTS} is accepted)"));
    }
    let number = metadata.unsigned("split.no")?.unwrap_or(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let place = |part: u64| format!("-{part:05}-of-{count:05}.");
    let own = place(number.saturating_add(1));
    if !name.contains(&own) {
        return Err(format!(
            "it is part {} of {count} of a split model by metadata 'split.no' and 'split.count', \
             but its name does not say so\n\
             hint: keep the parts in one folder, called NAME-00001-of-{count:05}.gguf and so on",
            number.saturating_add(1)
        ));
    }
    if number != 0 {
        return Err(format!(
            "it is part {} of {count} of a split model (metadata 'split.no')\n\
             hint: name the first part, {}",
            number.saturating_add(1),
            name.replace(&own, &place(1))
        ));
    }
    Ok((2..=count).map(|part| path.with_file_name(name.replace(&own, &place(part)))).collect())
}

/// Reads the header of part `number` (counted from 0) and adds its tensors to `tensors`. `first` is
/// the metadata of the first part.
pub(super) fn read(
    file: &File,
    bytes: u64,
    number: usize,
    first: &Metadata,
    tensors: &mut Tensors,
) -> Result<(), Refused> {
    let mut header = HeaderReader::start(BufReader::new(file), bytes)?;
    let metadata = header.metadata()?;
    for (key, expected) in
        [("split.no", Some(number as u64)), ("split.count", first.unsigned("split.count")?)]
    {
        let found = metadata.unsigned(key)?;
        if found != expected {
            let shown = |n: Option<u64>| n.map_or_else(|| "missing".to_owned(), |n| n.to_string());
            return Err(format!(
                "metadata '{key}' is {}, not {}: it is not part of this model",
                shown(found),
                shown(expected)
            ));
        }
    }
    let mut own = header.tensors(&metadata)?;
    own.place_in(number as u16);
    tensors.merge(own)?;
    let all = first.unsigned("split.tensors.count")?;
    match all {
        Some(all) if tensors.len() as u64 > all => {
            Err(format!("the parts hold more than the {all} tensors that the first one announces"))
        }
        _ => Ok(()),
    }
}
