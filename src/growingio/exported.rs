//! What a tracker puts before the bytes that its engine exports, so that they are restored only where they belong.
//!
//! ```text
//! "TWG1" | 0 for JSON records, 1 for protobuf | length of the project id, 4 bytes | project id | the engine's bytes
//! ```

use super::{BuildError, OptionError, Options};
use crate::engine::RestoreError;

const MAGIC: &[u8] = b"TWG1";

/// What goes before the engine's bytes.
pub(super) fn header(options: &Options) -> Vec<u8> {
    let project = options.product_id.as_bytes();
    let mut header = MAGIC.to_vec();
    header.push(u8::from(options.format.is_protobuf()));
    header.extend_from_slice(&(project.len() as u32).to_le_bytes());
    header.extend_from_slice(project);
    header
}

/// The engine's bytes, if a tracker with these options can send what is in them.
pub(super) fn engine_bytes<'a>(options: &Options, bytes: &'a [u8]) -> Result<&'a [u8], BuildError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(BuildError::Restore(RestoreError::Version))?;
    let parts = rest.split_first_chunk::<5>().and_then(|([form, length @ ..], rest)| {
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (project, rest) = rest.split_at_checked(length)?;
        Some((*form, project, rest))
    });
    let (form, project, rest) = parts.ok_or(BuildError::Restore(RestoreError::Damaged))?;
    let wrong = |problem| Err(BuildError::Option(OptionError { option: "restore", problem }));
    if project != options.product_id.as_bytes() {
        let project = String::from_utf8_lossy(project);
        return wrong(format!("got events of project `{project}`: restore them into a tracker for that one"));
    }
    match (form, options.format.is_protobuf()) {
        (0, false) | (1, true) => Ok(rest),
        (0, true) => wrong("got events in JSON: restore them into a tracker with a JSON format".into()),
        (1, false) => {
            wrong("got events in protobuf: restore them into a tracker with a protobuf format".into())
        }
        _ => Err(BuildError::Restore(RestoreError::Damaged)),
    }
}
