//! The npm package's build, for the page's playground: from a folder that is named at start and read at each request,
//! so that a new build is there when the page is loaded again.

use std::fs;
use std::path::{Path, PathBuf};

use hyper::header;

use super::answer::{self, Answer};
use super::error::CollectorError;
use crate::received::json;

/// The entry that the playground loads, and where it is below the folder: in an installed package, or in its `dist`.
const PLACES: [&str; 2] = ["dist/growingio.js", "growingio.js"];

/// Where the collector serves it.
const SCRIPT: &str = "/trackwire/package.js";

/// Whether a folder can be the package's.
pub(super) fn check(folder: Option<&Path>) -> Result<(), CollectorError> {
    match folder {
        Some(path) if !path.is_dir() => Err(CollectorError::Package { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// `{"script":path or null,"missing":why or null}`.
pub(super) async fn about(folder: Option<PathBuf>) -> Answer {
    let mut body = String::from("{\"script\":");
    match read(folder).await {
        Ok(_) => {
            json::string(SCRIPT, &mut body);
            body.push_str(",\"missing\":null}");
        }
        Err(why) => {
            body.push_str("null,\"missing\":");
            json::string(&why, &mut body);
            body.push('}');
        }
    }
    answer::json(200, body)
}

/// The entry itself.
pub(super) async fn script(folder: Option<PathBuf>) -> Answer {
    match read(folder).await {
        Ok(content) => {
            let answer = answer::content(200, "text/javascript; charset=utf-8", content);
            let answer = answer::set(answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
            answer::set(answer, header::CACHE_CONTROL, "no-cache")
        }
        Err(why) => answer::error(404, &why),
    }
}

async fn read(folder: Option<PathBuf>) -> Result<Vec<u8>, String> {
    let Some(folder) = folder else {
        return Err("the collector was started without --package".to_owned());
    };
    let found = tokio::task::spawn_blocking(move || {
        PLACES.iter().find_map(|place| fs::read(folder.join(place)).ok()).ok_or(folder)
    });
    match found.await {
        Ok(Ok(content)) => Ok(content),
        Ok(Err(folder)) => Err(format!("{} holds neither {}", folder.display(), PLACES.join(" nor "))),
        Err(_) => Err("the build could not be read".to_owned()),
    }
}
