//! Help texts.
//!
//! Owns: how the list of commands is shown, in groups by what somebody wants to do, and that every text fits 80 columns.
//! A command's `-h` shows its own options; those that all share stand in `--help`, in a group of their own at the end.

use std::fmt::Write as _;

use clap::Command;

/// The columns that every help text fits in.
pub(super) const COLUMNS: usize = 80;

/// The heading of the options that client commands share.
pub(super) const COMMON: &str = "Common options";

/// A group of commands: a title, and their names.
pub(super) type Group = (&'static str, &'static [&'static str]);

/// The command with its subcommands listed in groups.
pub(super) fn grouped(command: Command, groups: &[Group]) -> Command {
    let mut list = String::new();
    for (title, names) in groups {
        let _ = write!(list, "\n{title}:\n");
        for name in *names {
            let about = command.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string);
            let about = about.unwrap_or_default();
            list += &entry(name, about.trim_end_matches('.'));
        }
    }
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{list}\nOptions:\n{{options}}{{after-help}}"
    ))
}

/// A command and what it does, wrapped.
fn entry(name: &str, about: &str) -> String {
    const INDENT: usize = 15;
    let mut text = format!("  {name:<width$}", width = INDENT - 2);
    let mut column = INDENT;
    for (position, word) in about.split(' ').enumerate() {
        let length = word.chars().count();
        if position > 0 && column + 1 + length > COLUMNS {
            let _ = write!(text, "\n{:INDENT$}", "");
            column = INDENT;
        } else if position > 0 {
            text.push(' ');
            column += 1;
        }
        text += word;
        column += length;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::{super::style::width, *};

    /// Every command with its words, parents first.
    fn walk(command: &Command, words: &str, visit: &mut impl FnMut(&str, &Command)) {
        visit(words, command);
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            walk(inner, &format!("{words} {}", inner.get_name()), visit);
        }
    }

    fn all() -> Vec<(String, Command)> {
        let mut command = super::super::command();
        command.build();
        let mut found = Vec::new();
        walk(&command, "tasker", &mut |words, command| found.push((words.to_owned(), command.clone())));
        found
    }

    #[test]
    fn every_help_text_fits_80_columns() {
        let mut wide = Vec::new();
        for (words, mut command) in all() {
            // Lines that stand as they are would be wrapped, and then fit without being right.
            let fixed = [command.get_after_help(), command.get_after_long_help()].into_iter().flatten();
            let mut texts: Vec<String> = fixed.map(ToString::to_string).collect();
            texts.push(command.render_help().to_string());
            texts.push(command.render_long_help().to_string());
            for line in texts.iter().flat_map(|text| text.lines()).filter(|line| width(line) > COLUMNS) {
                wide.push(format!("{words}: {line}"));
            }
        }
        wide.dedup();
        assert!(wide.is_empty(), "{}", wide.join("\n"));
    }

    #[test]
    fn every_command_is_in_one_group_and_has_examples() {
        let commands = all();
        let (_, root) = &commands[0];
        let mut names: Vec<&str> =
            root.get_subcommands().map(Command::get_name).filter(|name| *name != "help").collect();
        let mut listed: Vec<&str> = super::super::GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        names.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, names);
        for name in names {
            let command = root.find_subcommand(name).unwrap();
            let after = command.get_after_help().or(command.get_after_long_help()).map(ToString::to_string);
            assert!(after.is_some_and(|text| text.contains("Examples:\n  ")), "{name} has no examples");
        }
    }

    #[test]
    fn short_help_leaves_out_the_common_options() {
        let commands = all();
        let (_, mut list) = commands.iter().find(|(words, _)| words == "tasker list").unwrap().clone();
        let (short, long) = (list.render_help().to_string(), list.render_long_help().to_string());
        for option in ["--endpoint", "--profile", "--token-file", "--ca-file", "--timeout", "--output", "--set"] {
            let listed = short.lines().any(|line| line.trim_start().starts_with('-') && line.contains(option));
            assert!(!listed, "{option} in\n{short}");
            assert!(long.contains(option), "{option} not in\n{long}");
        }
        assert_eq!(long.matches(COMMON).count(), 1, "{long}");
        assert!(short.contains("--state") && short.contains("see more with '--help'"), "{short}");
    }

    #[test]
    fn the_list_of_commands() {
        insta::assert_snapshot!(super::super::command().render_help().to_string());
    }
}
