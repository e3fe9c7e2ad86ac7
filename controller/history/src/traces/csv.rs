//! Rows of a CSV file: comma, semicolon or tab, a header, fields optionally between double quotes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use super::columns::{Column, Columns, Reading};
use super::error::TracesError;
use super::rows::{Rows, checked};

/// Rows that are handed on at a time.
const ROWS: usize = 50_000;

/// A line with six numbers and a name is far below this; what is longer is no CSV file.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// How much of a wrong field is shown.
const SHOWN_CHARS: usize = 40;

/// Lines of a file, some at a time.
#[derive(Debug)]
pub(super) struct CsvRows {
    path: std::path::PathBuf,
    file: BufReader<File>,
    separator: char,
    columns: Columns,
    reading: Reading,
    line: u64,
}

impl CsvRows {
    pub(super) fn open(path: &Path, reading: Reading) -> Result<Self, TracesError> {
        let file = File::open(path).map_err(|source| TracesError::File { path: path.to_owned(), source })?;
        let mut file = BufReader::new(file);
        let header = read_line(&mut file, path, 1)?.unwrap_or_default();
        let header = header.trim_start_matches('\u{feff}');
        let separator = [',', ';', '\t'].into_iter().max_by_key(|one| header.matches(*one).count());
        let separator = separator.unwrap_or(',');
        let names: Vec<String> =
            fields(header, separator).into_iter().map(|name| name.trim().to_owned()).collect();
        let columns = checked(path, &names)?;
        Ok(Self { path: path.to_owned(), file, separator, columns, reading, line: 1 })
    }

    fn batch(&mut self) -> Result<Rows, TracesError> {
        let mut rows = Rows::default();
        while rows.cpu_provisioned.len() < ROWS {
            self.line += 1;
            let Some(line) = read_line(&mut self.file, &self.path, self.line)? else { break };
            if !line.trim().is_empty() {
                self.add(&line, &mut rows)?;
            }
        }
        Ok(rows)
    }

    fn add(&self, line: &str, rows: &mut Rows) -> Result<(), TracesError> {
        let fields = fields(line, self.separator);
        let columns = &self.columns;
        rows.cpu_provisioned.push(self.number(&fields, &columns.cpu_provisioned)?);
        rows.memory_provisioned.push(self.number(&fields, &columns.memory_provisioned)?);
        if self.reading == Reading::Provisioned {
            return Ok(());
        }
        rows.cpu.push(self.number(&fields, &columns.cpu)?);
        rows.memory.push(self.number(&fields, &columns.memory)?);
        let at_unix_s = self.number(&fields, &columns.time)?;
        if at_unix_s.is_nan() {
            return Err(TracesError::Line { line: self.line, why: "it has no time" });
        }
        rows.at_unix_s.push(at_unix_s.floor() as i64);
        let name = self.field(&fields, &columns.series)?;
        match rows.runs.last_mut() {
            Some((last, count)) if last == name => *count += 1,
            _ => rows.runs.push((name.to_owned(), 1)),
        }
        Ok(())
    }

    fn field<'a>(&self, fields: &'a [String], column: &Column) -> Result<&'a str, TracesError> {
        let field = fields.get(column.index).map(|field| field.trim());
        field.ok_or(TracesError::Line { line: self.line, why: "it has fewer fields than the header" })
    }

    /// NaN for an empty field.
    fn number(&self, fields: &[String], column: &Column) -> Result<f64, TracesError> {
        let field = self.field(fields, column)?;
        if field.is_empty() {
            return Ok(f64::NAN);
        }
        field.parse::<f64>().map(|number| number * column.factor).map_err(|_| TracesError::Value {
            line: self.line,
            column: column.name.clone(),
            text: field.chars().take(SHOWN_CHARS).collect(),
        })
    }
}

impl Iterator for CsvRows {
    type Item = Result<Rows, TracesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batch();
        (!matches!(&batch, Ok(rows) if rows.cpu_provisioned.is_empty())).then_some(batch)
    }
}

/// None at the end of the file.
fn read_line(file: &mut BufReader<File>, path: &Path, line: u64) -> Result<Option<String>, TracesError> {
    let mut bytes = Vec::new();
    let read = file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
    let read = read.map_err(|source| TracesError::File { path: path.to_owned(), source })?;
    if read as u64 == LINE_BYTES_MAX && bytes.last() != Some(&b'\n') {
        return Err(TracesError::Line { line, why: "it is longer than 64 KiB" });
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| TracesError::Line { line, why: "it is not text in UTF-8" })?;
    Ok((read > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The fields of a line; a doubled quote within quotes is one.
fn fields(line: &str, separator: char) -> Vec<String> {
    if !line.contains('"') {
        return line.split(separator).map(str::to_owned).collect();
    }
    let (mut all, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                field.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            _ if char == separator && !quoted => all.push(std::mem::take(&mut field)),
            _ => field.push(char),
        }
    }
    all.push(field);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hide_separators() {
        assert_eq!(fields("a,\"b,c\",\"d \"\"e\"\"\",", ','), ["a", "b,c", "d \"e\"", ""]);
        assert_eq!(fields("a;b", ';'), ["a", "b"]);
    }
}
