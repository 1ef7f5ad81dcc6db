//! The little of Markdown that the rules need: headings, links and the first cell of a table row,
//! none of them inside a code block.

/// The lines of a text that stand in no fenced code block, with their numbers counted from 1.
pub(crate) fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fence: Option<&str> = None;
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let bare = line.trim_start();
        match fence {
            Some(mark) if bare.starts_with(mark) => fence = None,
            Some(_) => {}
            None => match ["```", "~~~"]
                .into_iter()
                .find(|mark| bare.starts_with(mark))
            {
                Some(mark) => fence = Some(mark),
                None => found.push((number, line)),
            },
        }
    }
    found
}

/// The text of a heading line, of whatever level.
pub(crate) fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len() && text.starts_with(' ')).then(|| text.trim())
}

/// The first cell of a table row, without the marks of code and emphasis.
pub(crate) fn first_cell(line: &str) -> Option<&str> {
    let (cell, _) = line.trim_start().strip_prefix('|')?.split_once('|')?;
    Some(cell.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '`' | '*')
    }))
}

/// Where the links and pictures of a line lead, as written: `[text](target "title")` and `[name]:
/// target`.
pub(crate) fn targets(line: &str) -> Vec<String> {
    let line = without_code(line);
    let mut found = Vec::new();
    let definition = line
        .trim_start()
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"));
    if let Some((name, target)) = definition
        && !name.contains(']')
        && !name.starts_with('^')
    {
        found.extend(target_of(target));
    }
    let mut rest = line.as_str();
    while let Some((_, after)) = rest.split_once("](") {
        let end = closing_parenthesis(after);
        found.extend(after.get(..end).and_then(target_of));
        rest = after;
    }
    found
}

/// The target in front of an optional title, out of its angle brackets.
fn target_of(text: &str) -> Option<String> {
    let text = text.trim_start();
    let target = match text.strip_prefix('<') {
        Some(bracketed) => bracketed.split('>').next(),
        None => text.split_whitespace().next(),
    };
    target.map(str::to_owned)
}

fn closing_parenthesis(text: &str) -> usize {
    let mut depth = 1_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// A line without its code spans. A run of backticks is closed by a run of the same length; one
/// that is not closed is text.
fn without_code(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let (before, from) = rest.split_at(at);
        let inner = from.trim_start_matches('`');
        let (mark, _) = from.split_at(from.len() - inner.len());
        kept.push_str(before);
        rest = match closing_run(inner, mark.len()) {
            Some(after) => after,
            None => {
                kept.push_str(mark);
                inner
            }
        };
    }
    kept + rest
}

/// What follows the first run of exactly `length` backticks.
fn closing_run(text: &str, length: usize) -> Option<&str> {
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let from = rest.get(at..)?;
        rest = from.trim_start_matches('`');
        if from.len() - rest.len() == length {
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_blocks_are_no_prose() {
        let text = "a\n```text\nb\n~~~\n```\nc\n  ~~~\nd\n  ~~~\ne";
        assert_eq!(prose(text), [(1, "a"), (6, "c"), (10, "e")]);
    }

    #[test]
    fn headings_of_every_level_are_read() {
        assert_eq!(heading("# Title"), Some("Title"));
        assert_eq!(heading("### Why  "), Some("Why"));
        assert_eq!(heading("#hash"), None);
        assert_eq!(heading("no heading"), None);
    }

    #[test]
    fn links_pictures_and_definitions_are_read() {
        assert_eq!(
            targets("see [a](b.md#c), ![d](e/f.svg) and [g](<h i.md> \"title\")"),
            ["b.md#c", "e/f.svg", "h i.md"]
        );
        assert_eq!(targets("[![badge](x.svg)](y.md)"), ["x.svg", "y.md"]);
        assert_eq!(targets("[a](b_(c).md)"), ["b_(c).md"]);
        assert_eq!(targets("[name]: ../there.md"), ["../there.md"]);
    }

    #[test]
    fn code_and_footnotes_are_no_links() {
        assert_eq!(
            targets("`[a](b.md)` ``x ` [c](d.md)`` [^1]: [e](f.md)"),
            ["f.md"]
        );
        assert_eq!(targets("a ` [b](c.md)"), ["c.md"]);
        assert_eq!(targets("[x] [y] a[0] f(x)"), Vec::<String>::new());
    }

    #[test]
    fn the_first_cell_is_read_without_its_marks() {
        assert_eq!(first_cell("| M-1 | login |"), Some("M-1"));
        assert_eq!(first_cell("|`M-2`|x|"), Some("M-2"));
        assert_eq!(first_cell("| **M-3** | x"), Some("M-3"));
        assert_eq!(first_cell("M-4 | x |"), None);
        assert_eq!(first_cell("| alone"), None);
    }
}
