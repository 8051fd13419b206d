//! The live page, embedded.

use hyper::header;

use super::answer::{self, Answer};

/// Names and contents of everything in `www/`.
const FILES: [(&str, &str); 12] = [
    ("index.html", include_str!("../../www/index.html")),
    ("app.js", include_str!("../../www/app.js")),
    ("detail.js", include_str!("../../www/detail.js")),
    ("faults.js", include_str!("../../www/faults.js")),
    ("icon.svg", include_str!("../../www/icon.svg")),
    ("list.js", include_str!("../../www/list.js")),
    ("play.css", include_str!("../../www/play.css")),
    ("play.js", include_str!("../../www/play.js")),
    ("play-log.js", include_str!("../../www/play-log.js")),
    ("play-tracker.js", include_str!("../../www/play-tracker.js")),
    ("style.css", include_str!("../../www/style.css")),
    ("tools.js", include_str!("../../www/tools.js")),
];

/// What the page shows was sent by others: nothing of it may run or load. The playground compiles wasm, which allows
/// no text to run.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/// The file at a path, if there is one; `/` is the page itself.
pub(super) fn at(path: &str) -> Option<Answer> {
    let name = match path.strip_prefix('/')? {
        "" => "index.html",
        name => name,
    };
    let (_, content) = FILES.iter().find(|(known, _)| *known == name)?;
    let answer = answer::content(200, content_type(name), *content);
    let answer = answer::set(answer, header::CACHE_CONTROL, "no-cache");
    let answer = answer::set(answer, header::CONTENT_SECURITY_POLICY, POLICY);
    let answer = answer::set(answer, header::REFERRER_POLICY, "no-referrer");
    Some(answer::set(answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
