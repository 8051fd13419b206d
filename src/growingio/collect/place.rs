//! The three paths.

use crate::received::{Refusal, unescape};

/// Where a request was sent: which list it carries, for which project.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) what: What,
    /// The project id, unescaped.
    pub(super) project: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Events,
    Items,
    Mappings,
}

impl Place {
    /// Any prefix is fine, and so is a doubled slash before the path (the Python tracker writes one when its
    /// host ends in a slash). A `/` inside the project id is taken as part of it: that tracker does not escape it.
    pub(super) fn of(path: &str) -> Result<Self, Refusal> {
        let ends = [
            ("/collect", "/v3/projects/", What::Events),
            ("/collect/item", "/projects/", What::Items),
            ("/collect/user-mapping", "/projects/", What::Mappings),
        ];
        for (end, start, what) in ends {
            let Some(rest) = path.strip_suffix(end) else { continue };
            let Some(at) = rest.rfind(start) else { continue };
            let project = &rest[at + start.len()..];
            if what != What::Events && rest[..at].ends_with("/v3") {
                return Err(Refusal::new(
                    404,
                    format!("no such path; without /v3 it is /projects/{{project}}{end}"),
                ));
            }
            if !project.is_empty() {
                return Ok(Self { what, project: unescape(project, false) });
            }
        }
        Err(Refusal::new(
            404,
            "no such path; there are /v3/projects/{project}/collect, /projects/{project}/collect/item and \
             /projects/{project}/collect/user-mapping",
        ))
    }

    /// Refuses a record that names another project than the path.
    pub(super) fn check_project(&self, key: &str, found: Option<&str>) -> Result<(), Refusal> {
        match found {
            Some(found) if found != self.project => Err(Refusal::bad_request(format!(
                "{key} is `{}`, the path's project is `{}`",
                shorten(found),
                shorten(&self.project)
            ))),
            _ => Ok(()),
        }
    }
}

/// A text for a message: at most 100 characters of it.
pub(super) fn shorten(text: &str) -> &str {
    text.char_indices().nth(100).map_or(text, |(at, _)| &text[..at])
}
