//! The text of scripts: what is said of a bad one, and the page of examples.

use portcullis_fake::{Deeds, Script, ScriptError};

#[test]
fn what_is_not_understood_is_said_with_line_and_column() {
    for (script, message) in [
        (
            "\nafter the hartbeat: drop",
            "2:11: expected an ordinal such as `third` or `21st`, found `hartbeat`\n   2 | after the hartbeat: drop\n     |           ^^^^^^^^",
        ),
        (
            "after hartbeat: drop",
            "1:7: expected one of `connect`, `identify`, `resume`, `ready`, `resumed`, `heartbeat`, `command`, `op`, `leave`, `connection`, found `hartbeat`\n   1 | after hartbeat: drop\n     |       ^^^^^^^^\nhint: did you mean `heartbeat`?",
        ),
    ] {
        assert_eq!(Script::parse(script).unwrap_err().to_string(), message);
    }
    for (script, place, what) in [
        ("drop", (1, 1), "one of `start`"),
        ("at two: drop", (1, 4), "a time such as"),
        ("at 0 s: drop", (1, 4), "a time from `1 ms`"),
        ("at 5 s to 2 s: drop", (1, 11), "a time that is not below the first"),
        ("at 2 s drop", (1, 8), "`:` and what happens then"),
        ("at 2 s:", (1, 8), "what happens then"),
        ("at 2 s:\nat 3 s: drop", (1, 8), "what happens then"),
        ("  drop\nat 2 s: drop", (1, 3), "a condition in a line before"),
        ("at 2 s: drop drop", (1, 14), "`;` and another deed"),
        ("at 2 s: explode", (1, 9), "one of `dispatch`"),
        ("at 2 s: always drop", (1, 9), "a deed that can be repeated"),
        ("at 2 s: 0 times drop", (1, 9), "a whole number from 1 to 10000"),
        ("at 2 s: close 1005", (1, 15), "a close code that may be sent"),
        ("at 2 s: dispatch message {}", (1, 18), "the name of an event"),
        ("at 2 s: dispatch X {\"ä\":tru}", (1, 28), "a json value"),
        ("at 2 s: dispatch generated READY", (1, 28), "`traffic` or an event"),
        ("at 2 s: send bytes 7", (1, 20), "bytes such as"),
        ("at 2 s: append bytes 7", (1, 22), "bytes such as"),
        ("at 2 s: scatter over 1 messages", (1, 22), "a whole number from 2"),
        ("at 2 s: omit suffixes", (1, 14), "one of `hello`"),
        ("at 2 s: bomb of 0 MB", (1, 17), "a whole number from 1 to 4000"),
        ("at 2 s: say hello", (1, 13), "a text in double quotes"),
        ("on event: drop", (1, 4), "one of `connect`"),
        ("on connections 3 to 2: drop", (1, 21), "a whole number from 3 on"),
        ("every 0 events: drop", (1, 7), "a time such as"),
        ("set guilds many", (1, 12), "a whole number from 0 to 1000000"),
        ("set guilds 1 2", (1, 14), "the end of the line"),
        ("set gilds 1", (1, 5), "one of `seed`"),
        ("at 2 s: refuse 200", (1, 16), "a whole number from 300 to 599"),
        ("on resume: deny resume by force", (1, 24), "`with`"),
    ] {
        let ScriptError { line, column, expected, .. } = Script::parse(script).unwrap_err();
        assert_eq!((line, column), place, "{script}");
        assert!(expected.to_string().starts_with(what), "{script}: {expected}");
    }
}

/// What stands between lines that say so.
fn samples<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let fence = format!("```{kind}\n");
    page.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn found_23_the_error_of_the_page_is_the_one_that_is_printed() {
    let page = include_str!("../../SCRIPTS.md");
    let sample = samples(page, "text")[0].trim_end();
    let wrong = sample.lines().find_map(|line| line.strip_prefix("   2 | ")).unwrap();
    let error = Script::parse(&format!("set guilds 0\n{wrong}")).unwrap_err();
    assert_eq!(format!("faults.script:{error}"), sample);
    // The hint's word makes a script of it.
    let right = wrong.replace(&error.found, error.near.unwrap());
    assert_eq!(Script::parse(&right).map(|_| ()), Ok(()), "{right}");
}

#[test]
fn found_27_the_deeds_of_the_page_are_deeds() {
    let page = include_str!("../../SCRIPTS.md");
    let samples = samples(page, "deeds");
    assert_eq!(samples.iter().map(|sample| Deeds::parse(sample).map(|deeds| deeds.len())).collect::<Vec<_>>(), [Ok(4)]);
}

#[test]
fn every_example_of_the_page_is_a_script() {
    let page = include_str!("../../SCRIPTS.md");
    let examples = samples(page, "script");
    assert_eq!(examples.len(), 9);
    for example in examples {
        assert_eq!(Script::parse(example).map(|_| ()), Ok(()), "{example}");
    }
    // The first words of the tables' rows are scripts too, whatever they are a row of.
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split(" | ").next());
    let mut read = 0;
    for cell in cells.flat_map(|cell| cell.split('`').step_by(2)).filter(|cell| cell.trim().contains(' ')) {
        let deed = |cell: &str| cell.replace("NAME {…}", "NAME {}").replace("generated NAME", "generated traffic");
        let cell = deed(cell).replace("with {…}", "with {}").replace("send {…}", "send {}");
        let tries = [cell.clone(), format!("{cell} drop"), format!("start: {cell}")];
        assert!(tries.iter().any(|text| Script::parse(text).is_ok()), "{cell}");
        read += 1;
    }
    assert!(read > 40, "{read}");
}

#[test]
fn no_text_breaks_the_parser() {
    let page = include_str!("../../SCRIPTS.md");
    for end in (0..page.len()).filter(|&end| page.is_char_boundary(end)) {
        let start = end.saturating_sub(60);
        let start = (start..=end).find(|&start| page.is_char_boundary(start)).unwrap_or(end);
        let _ = Script::parse(&page[start..end]).map_err(|error| error.to_string());
        let _ = Script::parse(&format!("start: {}", &page[start..end])).map_err(|error| error.to_string());
        let _ = Script::parse(&format!("on {}", &page[start..end])).map_err(|error| error.to_string());
    }
}
