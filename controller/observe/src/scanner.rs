//! Reads the answer of a query while it arrives, series by series.
//!
//! A push parser: [`Scanner::feed`] takes the next bytes, whatever their boundaries, and calls back for each series that
//! is complete. Memory is one series plus the bytes of one unfinished token, however long the answer. It accepts every
//! valid answer (a property test compares it with `serde_json`), and stray commas beyond that. It knows nothing of HTTP
//! and nothing of what the labels mean.

use std::collections::BTreeMap;

/// Labels of a series.
pub(crate) type Labels = BTreeMap<String, String>;

/// Longest token: labels of one series, a list of warnings, a skipped member. Real ones are far below 64 KiB.
const TOKEN_BYTES_MAX: usize = 1 << 20;

/// Longest sample, `[1700000000.123,"-1.2345678901234567e-10"]` with much white space around.
const POINT_BYTES_MAX: usize = 256;

/// Most samples of one series: Prometheus' own limit of steps in a range query.
const POINTS_MAX: usize = 11_000;

/// A series, complete. Non-finite values are among the points.
pub(crate) struct RawSeries<'a> {
    /// Its labels.
    pub(crate) labels: &'a Labels,
    /// (seconds since the epoch, value)
    pub(crate) points: &'a [(i64, f64)],
}

/// What stands around the series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// `status` is `success`.
    pub(crate) success: bool,
    /// `errorType: error`, if there is one.
    pub(crate) error: Option<String>,
    /// `warnings`, and `isPartial` as VictoriaMetrics says it.
    pub(crate) warnings: Vec<String>,
}

/// Why an answer cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub(crate) struct ScanError {
    what: &'static str,
    at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Top,
    Data,
    Result,
    Series,
    Points,
    End,
}

/// One turn of the state machine.
enum Turn {
    /// Something was read; go on in this state.
    Next(State),
    /// A series is complete.
    Emit,
    /// The token goes on in the bytes to come.
    NeedMore,
}

/// The parser.
pub(crate) struct Scanner {
    pending: Vec<u8>,
    at: usize,
    consumed: u64,
    state: State,
    labels: Labels,
    points: Vec<(i64, f64)>,
    envelope: Envelope,
}

impl Scanner {
    /// At the start of an answer.
    pub(crate) fn new() -> Self {
        Self {
            pending: Vec::new(),
            at: 0,
            consumed: 0,
            state: State::Start,
            labels: Labels::new(),
            points: Vec::new(),
            envelope: Envelope::default(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`ScanError`] as soon as the bytes cannot be an answer.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        each: &mut (dyn FnMut(RawSeries<'_>) + Send),
    ) -> Result<(), ScanError> {
        self.pending.extend_from_slice(bytes);
        loop {
            self.skip_filler();
            if self.at == self.pending.len() {
                break;
            }
            match self.turn()? {
                Turn::Next(state) => self.state = state,
                Turn::Emit => {
                    each(RawSeries { labels: &self.labels, points: &self.points });
                    self.state = State::Result;
                }
                Turn::NeedMore if self.pending.len() - self.at > TOKEN_BYTES_MAX => {
                    return Err(self.error("a token is longer than 1 MiB"));
                }
                Turn::NeedMore => break,
            }
        }
        self.consumed += self.at as u64;
        self.pending.drain(..self.at);
        self.at = 0;
        Ok(())
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// [`ScanError`] when the answer is not complete.
    pub(crate) fn finish(self) -> Result<Envelope, ScanError> {
        if self.state == State::End { Ok(self.envelope) } else { Err(self.error("the answer ends early")) }
    }

    fn turn(&mut self) -> Result<Turn, ScanError> {
        let byte = self.pending[self.at];
        match (self.state, byte) {
            (State::Start, b'{') => Ok(self.enter(State::Top)),
            (State::Start, _) => Err(self.error("no JSON object begins")),
            (State::Top, b'}') => Ok(self.enter(State::End)),
            (State::Top, b'"') => self.top_member(),
            (State::Data, b'}') => Ok(self.enter(State::Top)),
            (State::Data, b'"') => self.data_member(),
            (State::Result, b']') => Ok(self.enter(State::Data)),
            (State::Result, b'{') => {
                self.labels.clear();
                self.points.clear();
                Ok(self.enter(State::Series))
            }
            (State::Series, b'}') => {
                self.at += 1;
                Ok(Turn::Emit)
            }
            (State::Series, b'"') => self.series_member(),
            (State::Points, b']') => Ok(self.enter(State::Series)),
            (State::Points, b'[') => self.point(State::Points),
            (State::Top | State::Data | State::Series, _) => Err(self.error("a member name is expected")),
            (State::Result, _) => Err(self.error("a series is expected")),
            (State::Points, _) => Err(self.error("a sample is expected")),
            (State::End, _) => Err(self.error("something follows the answer")),
        }
    }

    fn enter(&mut self, state: State) -> Turn {
        self.at += 1;
        Turn::Next(state)
    }

    fn top_member(&mut self) -> Result<Turn, ScanError> {
        let Some((key, value_at)) = self.key()? else { return Ok(Turn::NeedMore) };
        if key == "data" && self.pending[value_at] == b'{' {
            self.at = value_at + 1;
            return Ok(Turn::Next(State::Data));
        }
        let Some(end) = value_end(&self.pending, value_at).map_err(|what| self.error(what))? else {
            return Ok(Turn::NeedMore);
        };
        let value: serde_json::Value = serde_json::from_slice(&self.pending[value_at..end])
            .map_err(|_| self.error("a member is not JSON"))?;
        match (key.as_str(), value) {
            ("status", serde_json::Value::String(status)) => self.envelope.success = status == "success",
            ("errorType" | "error", serde_json::Value::String(text)) => self.add_error(&text),
            ("warnings", serde_json::Value::Array(texts)) => {
                self.envelope.warnings.extend(texts.iter().filter_map(|text| text.as_str().map(clean)));
            }
            ("isPartial", serde_json::Value::Bool(true)) => {
                self.envelope.warnings.push("the store says that the answer is partial".to_owned());
            }
            _ => {}
        }
        self.at = end;
        Ok(Turn::Next(State::Top))
    }

    fn add_error(&mut self, text: &str) {
        let text = clean(text);
        self.envelope.error = Some(match self.envelope.error.take() {
            Some(first) => format!("{first}: {text}"),
            None => text,
        });
    }

    fn data_member(&mut self) -> Result<Turn, ScanError> {
        let Some((key, value_at)) = self.key()? else { return Ok(Turn::NeedMore) };
        if key == "result" && self.pending[value_at] == b'[' {
            self.at = value_at + 1;
            return Ok(Turn::Next(State::Result));
        }
        self.skip_member(value_at, State::Data)
    }

    fn series_member(&mut self) -> Result<Turn, ScanError> {
        let Some((key, value_at)) = self.key()? else { return Ok(Turn::NeedMore) };
        match (key.as_str(), self.pending[value_at]) {
            ("values", b'[') => {
                self.at = value_at + 1;
                Ok(Turn::Next(State::Points))
            }
            ("value", b'[') => {
                let key_at = std::mem::replace(&mut self.at, value_at);
                let turn = self.point(State::Series)?;
                if matches!(turn, Turn::NeedMore) {
                    self.at = key_at;
                }
                Ok(turn)
            }
            ("metric", b'{') => {
                let Some(end) = value_end(&self.pending, value_at).map_err(|what| self.error(what))? else {
                    return Ok(Turn::NeedMore);
                };
                self.labels = serde_json::from_slice(&self.pending[value_at..end])
                    .map_err(|_| self.error("the labels are not texts"))?;
                self.at = end;
                Ok(Turn::Next(State::Series))
            }
            _ => self.skip_member(value_at, State::Series),
        }
    }

    fn skip_member(&mut self, value_at: usize, state: State) -> Result<Turn, ScanError> {
        match value_end(&self.pending, value_at).map_err(|what| self.error(what))? {
            Some(end) => {
                self.at = end;
                Ok(Turn::Next(state))
            }
            None => Ok(Turn::NeedMore),
        }
    }

    /// `[1700000000,"1.5"]`
    fn point(&mut self, then: State) -> Result<Turn, ScanError> {
        let rest = &self.pending[self.at + 1..];
        let window = &rest[..rest.len().min(POINT_BYTES_MAX)];
        let Some(length) = window.iter().position(|byte| *byte == b']') else {
            return if window.len() == POINT_BYTES_MAX {
                Err(self.error("a sample is too long"))
            } else {
                Ok(Turn::NeedMore)
            };
        };
        let point =
            sample(&window[..length]).ok_or_else(|| self.error("a sample is not a time and a number"))?;
        if self.points.len() == POINTS_MAX {
            return Err(self.error("a series has more than 11,000 samples"));
        }
        self.points.push(point);
        self.at += length + 2;
        Ok(Turn::Next(then))
    }

    /// The member name at the cursor and where its value begins; none when they are not complete.
    fn key(&self) -> Result<Option<(String, usize)>, ScanError> {
        let Some(end) = value_end(&self.pending, self.at).map_err(|what| self.error(what))? else {
            return Ok(None);
        };
        let mut at = skip_white(&self.pending, end);
        match self.pending.get(at) {
            None => return Ok(None),
            Some(b':') => at = skip_white(&self.pending, at + 1),
            Some(_) => return Err(self.error("a colon is expected")),
        }
        if at == self.pending.len() {
            return Ok(None);
        }
        let key = serde_json::from_slice(&self.pending[self.at..end])
            .map_err(|_| self.error("a member name is not JSON"))?;
        Ok(Some((key, at)))
    }

    fn skip_filler(&mut self) {
        while let Some(byte) = self.pending.get(self.at)
            && (is_white(*byte) || (*byte == b',' && self.state != State::Start && self.state != State::End))
        {
            self.at += 1;
        }
    }

    fn error(&self, what: &'static str) -> ScanError {
        ScanError { what, at: self.consumed + self.at as u64 }
    }
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn skip_white(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| is_white(*byte)) {
        at += 1;
    }
    at
}

/// `1700000000,"1.5"`; fractions of seconds are cut off.
fn sample(text: &[u8]) -> Option<(i64, f64)> {
    let comma = text.iter().position(|byte| *byte == b',')?;
    let (time, value) = (text[..comma].trim_ascii(), text[comma + 1..].trim_ascii());
    let value = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    Some((seconds(time)?, std::str::from_utf8(value).ok()?.parse().ok()?))
}

fn seconds(text: &[u8]) -> Option<i64> {
    // 18 digits cannot overflow.
    if !text.is_empty() && text.len() <= 18 && text.iter().all(u8::is_ascii_digit) {
        return Some(text.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')));
    }
    let seconds: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (seconds.abs() < 1e15).then_some(seconds.floor() as i64)
}

/// Where the JSON value that begins at `at` ends; none when it goes on in the bytes to come. Brackets are counted, not
/// matched by kind: what is kept is parsed again by `serde_json`, what is not is thrown away.
fn value_end(bytes: &[u8], at: usize) -> Result<Option<usize>, &'static str> {
    let mut depth = 0_u32;
    let mut at = at;
    loop {
        let Some(byte) = bytes.get(at) else { return Ok(None) };
        match byte {
            b'"' => match string_end(bytes, at) {
                Some(end) => at = end,
                None => return Ok(None),
            },
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1).ok_or("a bracket closes nothing")?;
                at += 1;
            }
            b',' | b':' if depth == 0 => return Err("a value is expected"),
            byte if depth == 0 && !is_white(*byte) => match scalar_end(bytes, at) {
                Some(end) => at = end,
                None => return Ok(None),
            },
            _ => at += 1,
        }
        if depth == 0 {
            return Ok(Some(at));
        }
    }
}

fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn scalar_end(bytes: &[u8], at: usize) -> Option<usize> {
    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']') || is_white(*byte);
    bytes[at..].iter().position(ends).map(|length| at + length)
}

/// One line without control characters: what a server says may reach a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Series = (Labels, Vec<(i64, f64)>);

    fn scan(text: &[u8], piece: usize) -> Result<(Vec<Series>, Envelope), ScanError> {
        let mut scanner = Scanner::new();
        let mut out = Vec::new();
        for bytes in text.chunks(piece.max(1)) {
            scanner.feed(bytes, &mut |series| out.push((series.labels.clone(), series.points.to_vec())))?;
        }
        Ok((out, scanner.finish()?))
    }

    fn answer(series: &[Series], white: &str) -> String {
        let result: Vec<serde_json::Value> = series
            .iter()
            .map(|(labels, points)| {
                let values: Vec<_> =
                    points.iter().map(|(at, value)| serde_json::json!([at, format!("{value:e}")])).collect();
                serde_json::json!({"metric": labels, "values": values, "histograms": [[1, {"count": "]}"}]]})
            })
            .collect();
        let text = serde_json::json!({"status": "success", "data": {"resultType": "matrix", "result": result, "stats": {"a": [1, {}]}}, "infos": ["x"]});

        if white.is_empty() { text.to_string() } else { serde_json::to_string_pretty(&text).unwrap() }
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_writes_whatever_the_boundaries(
            series in proptest::collection::vec(
                (
                    proptest::collection::btree_map("[a-z_]{1,8}", "\\PC{0,12}", 0..4),
                    proptest::collection::vec((0_i64..4_000_000_000, any::<f64>().prop_filter("finite", |v| v.is_finite())), 0..20),
                ),
                0..6,
            ),
            piece in 1_usize..200,
            white in prop_oneof![Just(""), Just(" ")],
        ) {
            let (read, envelope) = scan(answer(&series, white).as_bytes(), piece).unwrap();
            prop_assert_eq!(read, series);
            prop_assert!(envelope.success);
        }

        #[test]
        fn never_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1_usize..40) {
            if let Ok((_, envelope)) = scan(&bytes, piece) {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok() || envelope == Envelope::default());
            }
        }

        #[test]
        fn a_cut_answer_is_never_taken_for_whole(cut in 1_usize..2000) {
            let labels = Labels::from([("pod".to_owned(), "a".to_owned())]);
            let text = answer(&[(labels, vec![(0, 1.5), (300, 2.5)])], "");
            let text = text.as_bytes();
            let cut = cut % text.len();
            prop_assert!(scan(&text[..cut], 7).is_err());
        }
    }

    #[test]
    fn reads_instants_warnings_and_special_values() {
        let text = br#"{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[
            {"metric":{"pod":"a"},"value":[1700000000.5,"NaN"]},{"metric":{},"value":[1,"+Inf"]}]},
            "warnings":["store down"]}"#;
        for piece in [1, 5, 4096] {
            let (series, envelope) = scan(text, piece).unwrap();
            assert_eq!(series[0].1[0].0, 1_700_000_000);
            assert!(series[0].1[0].1.is_nan() && series[1].1[0].1.is_infinite());
            assert_eq!(envelope.warnings, ["the store says that the answer is partial", "store down"]);
        }
    }

    #[test]
    fn an_error_answer_tells_its_type_and_text() {
        let (series, envelope) =
            scan(br#"{"status":"error","errorType":"execution","error":"too\nmuch"}"#, 3).unwrap();
        assert!(series.is_empty() && !envelope.success);
        assert_eq!(envelope.error.as_deref(), Some("execution: too much"));
    }

    #[test]
    fn refuses_what_is_no_answer() {
        for text in [
            "<html>",
            "[]",
            "{\"status\" 1}",
            r#"{"data":{"result":[1]}}"#,
            r#"{"data":{"result":[{"values":[[1,2]]}]}}"#,
            r#"{"data":{"result":[{"metric":{"a":1}}]}}"#,
            r#"{"status":"success"} x"#,
            r#"{"data":{"result":[{"values":[["x","1"]]}]}}"#,
            "",
        ] {
            assert!(scan(text.as_bytes(), 4).is_err(), "{text}");
        }
        let endless = format!(r#"{{"x":"{}"#, "a".repeat(TOKEN_BYTES_MAX + 10));
        assert!(scan(endless.as_bytes(), 65_536).is_err());
    }
}
