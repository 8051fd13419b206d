//! What chores are given.

/// Whether help is asked for.
pub(crate) fn is_asked(given: &[String]) -> bool {
    given.iter().any(|argument| ["--help", "-h"].contains(&argument.as_str()))
}

/// Whether all that is given is one of these: flags, options that are followed by a value, words.
pub(crate) fn fits(given: &[String], flags: &[&str], valued: &[&str], words: &[&str]) -> bool {
    let mut given = given.iter().map(String::as_str);
    while let Some(argument) = given.next() {
        let is_whole = match valued.contains(&argument) {
            true => given.next().is_some(),
            false => flags.contains(&argument) || words.contains(&argument),
        };
        if !is_whole {
            return false;
        }
    }
    true
}
