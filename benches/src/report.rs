//! The results, as Markdown that also reads well on a terminal.

use crate::machine::Machine;

/// Tables and what is to be said about them; printed as they come.
pub(crate) struct Report {
    machine: Machine,
    text: String,
    aims: Vec<[String; 4]>,
}

impl Report {
    pub(crate) fn new(machine: Machine) -> Self {
        Self { machine, text: String::new(), aims: Vec::new() }
    }

    pub(crate) fn head(&self) {
        println!("{}\n", self.machine);
    }

    pub(crate) fn section(&mut self, title: &str, about: &str) {
        self.say(&format!("## {title}\n\n{}\n", about.trim()));
    }

    pub(crate) fn note(&mut self, note: &str) {
        self.say(&format!("{}\n", note.trim()));
    }

    pub(crate) fn table<const N: usize>(&mut self, columns: [&str; N], rows: &[[String; N]]) {
        self.say(&table(columns, rows));
    }

    /// Holds a measured value against what is aimed at.
    pub(crate) fn aim(&mut self, what: &str, aim: &str, measured: String, met: bool) {
        if measured.starts_with(['-', 'N']) {
            return;
        }
        let met = if met { "yes" } else { "**no**" };
        self.aims.push([what.into(), aim.into(), measured, met.into()]);
    }

    pub(crate) fn end(&mut self) {
        if !self.aims.is_empty() {
            println!("## Aims\n\n{}", self.aims_table());
        }
    }

    /// The whole as a document.
    pub(crate) fn markdown(&self) -> String {
        format!(
            "# Measured\n\nWritten by `cargo xtask bench --write`. All figures are medians with the least and the most \
             of the rounds; contenders take turns within each round. They hold for this machine, which also did other \
             work at the time; the ratios carry further than the figures.\n\n{}\n\n## Aims\n\n{}\n{}",
            self.machine,
            self.aims_table(),
            self.text.trim_end().to_owned() + "\n"
        )
    }

    fn aims_table(&self) -> String {
        table(["what", "aim", "measured", "met"], &self.aims)
    }

    fn say(&mut self, text: &str) {
        println!("{text}");
        self.text.push_str(text);
        self.text.push('\n');
    }
}

fn table<const N: usize>(columns: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([columns[column].chars().count(), 3]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    let rule: String = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2))).collect();
    let mut text = line(columns) + "|" + &rule + "\n";
    for row in rows {
        text += &line(std::array::from_fn(|column| row[column].as_str()));
    }
    text
}
