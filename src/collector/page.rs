//! The live page, embedded.

use hyper::header;

use super::answer::{self, Answer};

/// File name, content type, content.
const FILES: [(&str, &str, &str); 3] = [
    ("index.html", "text/html; charset=utf-8", include_str!("../../www/index.html")),
    ("app.js", "text/javascript; charset=utf-8", include_str!("../../www/app.js")),
    ("style.css", "text/css; charset=utf-8", include_str!("../../www/style.css")),
];

/// The file at a path, if there is one; `/` is the page itself.
pub(super) fn at(path: &str) -> Option<Answer> {
    let name = match path.strip_prefix('/')? {
        "" => "index.html",
        name => name,
    };
    let (_, content_type, content) = FILES.iter().find(|(known, ..)| *known == name)?;
    let answer = answer::content(200, content_type, *content);
    let answer = answer::set(answer, header::CACHE_CONTROL, "no-cache");
    // What it shows was sent by others: nothing of it may run or load.
    let answer = answer::set(answer, header::CONTENT_SECURITY_POLICY, "default-src 'self'");
    let answer = answer::set(answer, header::REFERRER_POLICY, "no-referrer");
    Some(answer::set(answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
}
