//! The type of a technician's terminal, before it becomes a variable in the user's shell.

/// What nearly every terminal understands.
const USUAL: &str = "xterm-256color";
/// Longer than any name in terminfo.
const LONGEST: usize = 32;

/// The type as the technician says it, if it can be one: it names a file of terminfo.
pub fn known(term: &str) -> &str {
    let is = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | '_');
    let good = !term.is_empty() && term.len() <= LONGEST && term.chars().all(is);
    match good && !term.starts_with('.') {
        true => term,
        false => USUAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_pass() {
        assert_eq!(known("screen.xterm-256color"), "screen.xterm-256color");
        for hostile in ["", "../../etc/passwd", "..", "a b", "x\n", "Ж"] {
            assert_eq!(known(hostile), USUAL);
        }
        assert_eq!(known(&"x".repeat(33)), USUAL);
    }
}
