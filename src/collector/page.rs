//! The live page, embedded.

use hyper::header;

use super::answer::{self, Answer};

/// Names and contents of everything in `www/`.
const FILES: [(&str, &str); 8] = [
    ("index.html", include_str!("../../www/index.html")),
    ("app.js", include_str!("../../www/app.js")),
    ("detail.js", include_str!("../../www/detail.js")),
    ("faults.js", include_str!("../../www/faults.js")),
    ("icon.svg", include_str!("../../www/icon.svg")),
    ("list.js", include_str!("../../www/list.js")),
    ("style.css", include_str!("../../www/style.css")),
    ("tools.js", include_str!("../../www/tools.js")),
];

/// The file at a path, if there is one; `/` is the page itself.
pub(super) fn at(path: &str) -> Option<Answer> {
    let name = match path.strip_prefix('/')? {
        "" => "index.html",
        name => name,
    };
    let (_, content) = FILES.iter().find(|(known, _)| *known == name)?;
    let answer = answer::content(200, content_type(name), *content);
    let answer = answer::set(answer, header::CACHE_CONTROL, "no-cache");
    // What it shows was sent by others: nothing of it may run or load.
    let answer = answer::set(answer, header::CONTENT_SECURITY_POLICY, "default-src 'self'");
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
