//! Remote read, played by a server that writes what Prometheus streams, with an encoder of its own.

use std::collections::HashSet;

use super::*;

/// Bits, the highest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    free: u32,
}

impl Bits {
    fn put(&mut self, value: u64, count: u32) {
        for place in (0..count).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> place & 1) as u8) << self.free;
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.put(value, 8);
    }
}

/// A chunk of the samples, as the format of Prometheus' TSDB describes it.
fn chunk(samples: &[(i64, f64)]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(samples.len() as u64, 16);
    let (mut before, mut delta) = ((0, 0_u64), 0);
    let mut window: Option<(u32, u32)> = None;
    for (number, (at, value)) in samples.iter().enumerate() {
        let value = value.to_bits();
        match number {
            0 => {
                bits.varint(((at << 1) ^ (at >> 63)) as u64);
                bits.put(value, 64);
            }
            1 => {
                delta = at - before.0;
                bits.varint(delta as u64);
            }
            _ => {
                let difference = at - before.0 - delta;
                delta = at - before.0;
                let fits = |width: u32| (-(1 << (width - 1)) + 1..=1 << (width - 1)).contains(&difference);
                match difference {
                    0 => bits.put(0, 1),
                    _ if fits(14) => bits.put(0b10 << 14 | difference as u64 & 0x3fff, 16),
                    _ if fits(17) => bits.put(0b110 << 17 | difference as u64 & 0x1_ffff, 20),
                    _ if fits(20) => bits.put(0b1110 << 20 | difference as u64 & 0xf_ffff, 24),
                    _ => {
                        bits.put(0b1111, 4);
                        bits.put(difference as u64, 64);
                    }
                }
            }
        }
        if number > 0 {
            let changed = before.1 ^ value;
            let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
            match window {
                _ if changed == 0 => bits.put(0, 1),
                Some((l, t)) if leading >= l && trailing >= t => {
                    bits.put(0b10, 2);
                    bits.put(changed >> t, 64 - l - t);
                }
                _ => {
                    let significant = 64 - leading - trailing;
                    bits.put(0b11, 2);
                    bits.put(u64::from(leading), 5);
                    bits.put(u64::from(significant & 63), 6);
                    bits.put(changed >> trailing, significant);
                    window = Some((leading, trailing));
                }
            }
        }
        before = (*at, value);
    }
    bits.bytes
}

fn field(out: &mut Vec<u8>, number: u8, content: &[u8]) {
    let mut length = Bits::default();
    length.varint(content.len() as u64);
    out.push(number << 3 | 2);
    out.extend(length.bytes);
    out.extend(content);
}

/// CRC-32C bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
        }
    }
    !sum
}

/// A frame with chunks of one series.
fn frame(pod: &str, more: &str, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut series = Vec::new();
    for (name, value) in [("namespace", "shop"), ("pod", pod), ("container", "main"), ("id", more)] {
        let mut label = Vec::new();
        field(&mut label, 1, name.as_bytes());
        field(&mut label, 2, value.as_bytes());
        field(&mut series, 1, &label);
    }
    for data in chunks {
        let mut chunk = vec![1 << 3, 0, 2 << 3, 0, 3 << 3, 1];
        field(&mut chunk, 4, data);
        field(&mut series, 2, &chunk);
    }
    let mut message = Vec::new();
    field(&mut message, 1, &series);
    let mut framed = Bits::default();
    framed.varint(message.len() as u64);
    let mut framed = framed.bytes;
    framed.extend(checksum(&message).to_be_bytes());
    framed.extend(message);
    framed
}

fn streamed(frames: Vec<u8>) -> ResponseTemplate {
    let kind = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    ResponseTemplate::new(200).set_body_raw(frames, kind)
}

/// Answers remote read of a metric; its request is a block of snappy that holds the name as it is.
async fn streams(server: &MockServer, metric: &'static str, answer: ResponseTemplate) {
    let asks = move |request: &Request| {
        request.url.path() == "/api/v1/read"
            && request.headers.get("content-encoding").is_some_and(|coding| coding == "snappy")
            && request.body.windows(metric.len()).any(|part| part == metric.as_bytes())
    };
    Mock::given(asks).respond_with(answer).with_priority(2).mount(server).await;
}

fn samples(value: impl Fn(i64) -> f64) -> Vec<(i64, f64)> {
    // Uneven by some milliseconds, as scrapes are.
    (0..=240)
        .map(|n| (n, (SLICE.from_unix_s + n * 30) * 1000 + n * 7 % 13))
        .map(|(n, at)| (at, value(n)))
        .collect()
}

async fn raw_source(server: &MockServer) -> Prometheus {
    source(server, |options| options.remote_read = true).await
}

#[tokio::test]
async fn raw_samples_become_the_numbers_of_the_query() {
    let server = MockServer::start().await;
    // 250 millicores; the pod's second cgroup says less and does not count.
    let cpu = samples(|n| 1000.0 + n as f64 * 7.5);
    let less = samples(|n| n as f64 * 0.3);
    let halves = cpu.split_at(100);
    let frames = [
        frame("live", "a", &[chunk(halves.0)]),
        frame("live", "a", &[chunk(halves.1)]),
        frame("live", "b", &[chunk(&less)]),
    ];
    streams(&server, CPU, streamed(frames.concat())).await;
    let memory = samples(|n| if n == 33 { 9e8 } else { 1e8 + n as f64 * 12_345.678 });
    streams(&server, MEMORY, streamed(frame("live", "a", &[chunk(&memory)]))).await;
    else_empty(&server).await;
    let (report, series) = read(&raw_source(&server).await).await.unwrap();
    let of = |signal: Signal| series.iter().find(|one| one.signal == signal).unwrap();
    let cpu = of(Signal::CpuMillicores);
    assert_eq!(cpu.points.iter().map(|(at, _)| *at).collect::<HashSet<_>>().len(), 24);
    assert!(cpu.points.iter().all(|(_, value)| (value - 250.0).abs() < 0.1), "{:?}", cpu.points);
    let memory = of(Signal::MemoryBytes);
    // Sample 33 is of second 990, in the step from 900 to 1200.
    let peak: Vec<i64> = memory.points.iter().filter(|(_, value)| *value == 9e8).map(|(at, _)| *at).collect();
    assert_eq!(peak, [at(3)]);
    assert_eq!((report.series, report.queries), (2, 4));
    assert!(report.partial.is_none(), "{report:?}");
    let asked = server.received_requests().await.unwrap();
    let ranges = asked.iter().filter(|request| request.url.path().ends_with("query_range"));
    assert_eq!(ranges.count(), 2, "starts, and what is told by the hour");
}

#[tokio::test]
async fn a_server_without_remote_read_is_asked_by_query_and_only_once_otherwise() {
    for refusal in [
        ResponseTemplate::new(404),
        ResponseTemplate::new(400).set_body_string("unsupported"),
        // Sampled responses, from a server that cannot stream.
        ResponseTemplate::new(200).set_body_raw(vec![0], "application/x-protobuf"),
    ] {
        let server = MockServer::start().await;
        Mock::given(path("/api/v1/read")).respond_with(refusal).with_priority(1).mount(&server).await;
        answers(&server, CPU, matrix(&[row("live", json!([[at(1), "250"]]))])).await;
        answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1e9"]]))])).await;
        else_empty(&server).await;
        let source = raw_source(&server).await;
        for _ in 0..2 {
            let (report, series) = read(&source).await.unwrap();
            assert_eq!((report.series, series.len()), (2, 2));
        }
        let asked = server.received_requests().await.unwrap();
        let raw = asked.iter().filter(|request| request.url.path() == "/api/v1/read").count();
        assert!(raw <= 2, "{raw}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_lies_counts_for_nothing() {
    let whole = frame("live", "a", &[chunk(&samples(|n| n as f64))]);
    let mut wrong = whole.clone();
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    let cut = whole[..whole.len() - 5].to_vec();
    let lying = frame("live", "a", &[vec![0xff, 0xff, 1, 2, 3]]);
    for frames in [wrong, cut, lying, vec![0xff; 40]] {
        let server = MockServer::start().await;
        streams(&server, CPU, streamed([whole.clone(), frames].concat())).await;
        answers(&server, CPU, matrix(&[row("live", json!([[at(1), "250"]]))])).await;
        answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1e9"]]))])).await;
        else_empty(&server).await;
        let (report, series) = read(&raw_source(&server).await).await.unwrap();
        let cpu: Vec<_> = series.iter().filter(|one| one.signal == Signal::CpuMillicores).collect();
        assert_eq!((report.series, cpu.len()), (2, 1));
        assert_eq!(cpu[0].points, [(at(0), 250.0)]);
    }
}
