//! What a DCGM exporter tells of the node's GPUs: asked over plain HTTP every half minute, each answer read line by line as it
//! comes. One that is not there is looked for now and then.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kubeopt_proto::GPUS_MAX;
use kubeopt_sample::{CharDevice, DcgmLabels, DcgmLine, DcgmMetric, NVIDIA_MAJOR};
use tokio::net::TcpStream;

use crate::args::Exporter;
use crate::gpus::{Gpus, Look, Named, User};
use crate::log;
use crate::metrics::count;
use crate::shared::Shared;

/// From one question to the next, in milliseconds: the exporter itself asks its GPUs every 30 s.
const EVERY_MS: u64 = 30_000;

/// After two in a row that were not answered, or the first of all.
const AGAIN_MS: u64 = 300_000;

/// The whole answer must be there within this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of an answer: what a hundred GPUs with all of their metrics take.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Of a line: a metric with some twenty labels.
const LINE_BYTES_MAX: usize = 4096;

/// Of the connection at a time.
const READ_BYTES_MAX: usize = 16 * 1024;

/// Why nothing was told.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("unable to connect")]
    Connect(#[from] std::io::Error),
    #[error("unable to speak HTTP with it")]
    Http(#[from] hyper::Error),
    #[error("unable to ask for that address")]
    Request(#[from] http::Error),
    #[error("it answers {0}")]
    Status(http::StatusCode),
    #[error("its answer is too long")]
    Long,
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    Late,
}

/// Asks for ever.
pub(crate) async fn ask(shared: &Shared, exporter: &Exporter) -> Infallible {
    let mut is_there = false;
    loop {
        let asked = tokio::time::timeout(PATIENCE, answer(exporter)).await;
        let was_there = is_there;
        let rest_ms = match asked.unwrap_or(Err(AskError::Late)) {
            Ok(told) => {
                is_there = true;
                if !was_there {
                    log::info(format_args!("{} tells of {} GPUs", exporter.host, told.0.len()));
                }
                told.note(&mut shared.gpus.borrow_mut());
                EVERY_MS
            }
            Err(error) => {
                is_there = false;
                count(&shared.metrics.gpu_exporter_failures);
                // One that was never there is no news.
                if was_there {
                    let why = log::chain(&error);
                    log::warn(format_args!("{} tells of GPUs no longer: {why}", exporter.host));
                }
                if was_there { EVERY_MS } else { AGAIN_MS }
            }
        };
        shared.clock.rest(rest_ms).await;
    }
}

async fn answer(exporter: &Exporter) -> Result<Told, AskError> {
    let stream = TcpStream::connect((exporter.host.as_str(), exporter.port)).await?;
    let (mut send, connection) =
        http1::Builder::new().max_buf_size(READ_BYTES_MAX).handshake(TokioIo::new(stream)).await?;
    let host = match exporter.host.contains(':') {
        true => format!("[{}]:{}", exporter.host, exporter.port),
        false => format!("{}:{}", exporter.host, exporter.port),
    };
    let request = http::Request::get(exporter.path.as_str())
        .header(http::header::HOST, host)
        .header(http::header::ACCEPT, "text/plain;version=0.0.4")
        .header(http::header::CONNECTION, "close")
        .body(tonic::body::Body::empty())?;
    let reading = async {
        let answer = send.send_request(request).await?;
        // Nothing else is an answer: where a redirect leads is not what was configured.
        if answer.status() != http::StatusCode::OK {
            return Err(AskError::Status(answer.status()));
        }
        read(answer.into_body()).await
    };
    tokio::pin!(connection);
    tokio::pin!(reading);
    tokio::select! {
        read = &mut reading => read,
        ended = &mut connection => {
            ended?;
            // What has come is there to be read.
            reading.await
        }
    }
}

async fn read(mut body: Incoming) -> Result<Told, AskError> {
    let mut lines = Lines::default();
    let mut bytes = 0;
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else { continue };
        bytes += data.len();
        if bytes > ANSWER_BYTES_MAX {
            return Err(AskError::Long);
        }
        lines.take(&data);
    }
    Ok(lines.told)
}

/// An answer in pieces.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    /// The line that was begun is too long to be one.
    is_long: bool,
    told: Told,
}

impl Lines {
    fn take(&mut self, data: &[u8]) {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            let (piece, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |piece| (piece, true));
            self.is_long |= self.begun.len() + piece.len() > LINE_BYTES_MAX;
            if !self.is_long {
                self.begun.extend_from_slice(piece);
            }
            if ends {
                if let (false, Some(line)) = (self.is_long, DcgmLine::read(&self.begun)) {
                    self.told.take(&line);
                }
                self.begun.clear();
                self.is_long = false;
            }
        }
    }
}

/// What one answer told, by GPU and user.
#[derive(Debug, Default)]
struct Told(BTreeMap<Key, Values>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    id: String,
    user: User,
    /// Where no names are told: which device it is.
    device: Option<CharDevice>,
}

#[derive(Debug, Default)]
struct Values {
    busy_percent: Option<f64>,
    used_mib: Option<f64>,
    free_mib: Option<f64>,
}

impl Key {
    fn of(labels: &DcgmLabels<'_>) -> Option<Self> {
        let device = match (labels.uuid, labels.gpu) {
            ("", "") => return None,
            ("", gpu) => format!("gpu{gpu}"),
            (uuid, _) => uuid.to_owned(),
        };
        let id = match labels.instance {
            "" => device,
            instance => format!("{device}/{instance}"),
        };
        let user = User::named(Named {
            namespace: labels.namespace.to_owned(),
            pod: labels.pod.to_owned(),
            container: labels.container.to_owned(),
            pod_uid: labels.pod_uid.to_owned(),
        });
        let minor = || labels.device.strip_prefix("nvidia")?.parse().ok();
        // Who was given an instance was given its device too, as others were.
        let is_whole = user == User::Unknown && labels.instance.is_empty();
        let device = is_whole.then(minor).flatten().map(|minor| CharDevice { major: NVIDIA_MAJOR, minor });
        Some(Self { id, user, device })
    }
}

impl Told {
    fn take(&mut self, line: &DcgmLine<'_>) {
        let Some(key) = Key::of(&line.labels) else { return };
        if self.0.len() >= GPUS_MAX && !self.0.contains_key(&key) {
            return;
        }
        let values = self.0.entry(key).or_default();
        let place = match line.metric {
            DcgmMetric::BusyPercent => &mut values.busy_percent,
            DcgmMetric::UsedMib => &mut values.used_mib,
            DcgmMetric::FreeMib => &mut values.free_mib,
        };
        *place = Some(line.value);
    }

    fn note(self, gpus: &mut Gpus) {
        for (key, values) in self.0 {
            let user = match key.device {
                Some(device) => gpus.user_of(device),
                None => key.user,
            };
            gpus.note(&key.id, user, values.look());
        }
    }
}

impl Values {
    fn look(&self) -> Look {
        let total = self.used_mib.zip(self.free_mib).map(|(used, free)| used + free);
        // A float becomes the nearest integer that there is.
        let bytes = |mib: f64| (mib * f64::from(1 << 20)) as u64;
        Look {
            busy_permille: self.busy_percent.map(|percent| (percent * 10.0).round() as u32),
            memory_used_bytes: self.used_mib.map(bytes),
            memory_total_bytes: total.map(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).\n\
        # TYPE DCGM_FI_DEV_GPU_UTIL gauge\n\
        DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-a\",device=\"nvidia0\",namespace=\"ml\",pod=\"p\",container=\"c\"} 40\n\
        DCGM_FI_DEV_GPU_UTIL{gpu=\"1\",UUID=\"GPU-b\",device=\"nvidia1\",namespace=\"\",pod=\"\",container=\"\"} 0\n\
        DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"GPU-a\",device=\"nvidia0\",namespace=\"ml\",pod=\"p\",container=\"c\"} 1024\n\
        DCGM_FI_DEV_FB_FREE{gpu=\"0\",UUID=\"GPU-a\",device=\"nvidia0\",namespace=\"ml\",pod=\"p\",container=\"c\"} 3072\n";

    fn told(pieces: &[&[u8]]) -> Vec<kubeopt_proto::GpuUse> {
        let mut lines = Lines::default();
        pieces.iter().for_each(|piece| lines.take(piece));
        let mut gpus = Gpus::default();
        lines.told.note(&mut gpus);
        gpus.take()
    }

    proptest! {
        #[test]
        fn an_answer_is_the_same_in_any_pieces(size in 1_usize..200) {
            let pieces: Vec<&[u8]> = TEXT.as_bytes().chunks(size).collect();
            let all = told(&pieces);
            prop_assert_eq!(all.len(), 2);
            prop_assert_eq!((all[0].busy_max_permille, all[0].readings, all[0].pod.as_str()), (400, 1, "p"));
            prop_assert_eq!((all[0].memory_used_max_bytes, all[0].memory_total_bytes), (1 << 30, 4 << 30));
            prop_assert_eq!((all[1].id.as_str(), all[1].pod.as_str(), all[1].readings), ("GPU-b", "", 1));
        }

        #[test]
        fn garbage_between_lines_hides_no_line(garbage in proptest::collection::vec(any::<u8>(), 0..9000)) {
            let garbage: Vec<u8> = garbage.into_iter().filter(|byte| *byte != b'\n').collect();
            let all = told(&[TEXT.as_bytes(), &garbage, b"\n", TEXT.as_bytes()]);
            prop_assert!(all.iter().any(|one| one.id == "GPU-a" && one.busy_max_permille == 400));
        }
    }

    #[test]
    fn numbers_that_no_gpu_has_are_left_out() {
        let line = |value: &str| format!("DCGM_FI_DEV_GPU_UTIL{{UUID=\"GPU-a\"}} {value}\n");
        for value in ["1e300", "101", "NaN", "-1"] {
            let all = told(&[line(value).as_bytes()]);
            assert!(all.iter().all(|one| one.readings == 0), "{value}: {all:?}");
        }
        let endless = vec![b'x'; 3 * LINE_BYTES_MAX];
        assert_eq!(told(&[&endless, b"\n", line("7").as_bytes()])[0].busy_max_permille, 70);
    }
}
