//! Fakes of what tells of GPUs: device files as amdgpu has them, and a DCGM exporter. Neither knows a GPU; both say what they
//! are told to.
//!
//! The exporter's text is shaped as NVIDIA publishes it
//! (<https://docs.nvidia.com/datacenter/cloud-native/gpu-telemetry/latest/dcgm-exporter.html>), the files as the kernel documents
//! them (<https://docs.kernel.org/gpu/amdgpu/driver-misc.html>).

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fs, thread};

/// A GPU as a fake exporter tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakeGpu {
    /// Its number on the node; `nvidia` and this is its device.
    pub number: u32,
    /// Namespace, pod and container that use it.
    pub user: Option<(String, String, String)>,
    /// How busy it is, 0 to 100.
    pub busy_percent: u32,
    /// MiB of its memory that are used, and that are free.
    pub memory_mib: (u32, u32),
}

impl FakeGpu {
    /// What it is called everywhere.
    #[must_use]
    pub fn uuid(&self) -> String {
        format!("GPU-00000000-0000-4000-8000-{:012}", self.number)
    }
}

/// The page of an exporter: what is wanted of it, and what else is there.
#[must_use]
pub fn dcgm_page(gpus: &[FakeGpu]) -> String {
    let mut page = String::new();
    /// Name, help, value.
    type Metric = (&'static str, &'static str, fn(&FakeGpu) -> u32);
    let metrics: [Metric; 4] = [
        ("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).", |_| 1380),
        ("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", |gpu| gpu.busy_percent),
        ("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", |gpu| gpu.memory_mib.1),
        ("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", |gpu| gpu.memory_mib.0),
    ];
    for (name, help, value) in metrics {
        // Writing to a string does not fail.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} gauge");
        for gpu in gpus {
            let (namespace, pod, container) = gpu.user.clone().unwrap_or_default();
            let _ = writeln!(
                page,
                "{name}{{gpu=\"{number}\",UUID=\"{uuid}\",pci_bus_id=\"00000000:0{number}:00.0\",device=\"nvidia{number}\",\
                 modelName=\"Fake GPU\",Hostname=\"node-1\",container=\"{container}\",namespace=\"{namespace}\",\
                 pod=\"{pod}\"}} {}",
                value(gpu),
                number = gpu.number,
                uuid = gpu.uuid(),
            );
        }
    }
    page
}

/// A fake exporter on a port of its own, until it is dropped. It answers whoever asks, one after the other.
#[derive(Debug)]
pub struct FakeExporter {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeExporter {
    /// Begins with this page.
    ///
    /// # Errors
    /// No port or thread is to be had.
    pub fn start(page: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (answer, ends) = (Arc::new(Mutex::new(ok(page))), Arc::new(AtomicBool::new(false)));
        let (told, is_over) = (Arc::clone(&answer), Arc::clone(&ends));
        let thread = thread::Builder::new().name("fake-exporter".to_owned()).spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let answer = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Who asks and goes is no concern of it.
                let _ = stream.and_then(|stream| respond(stream, &answer));
            }
        })?;
        Ok(Self { address, answer, ends, thread: Some(thread) })
    }

    /// Where it is asked.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Another page from now on.
    pub fn tell(&self, page: &str) {
        self.answer_with(ok(page));
    }

    /// Any bytes from now on, head and all.
    pub fn answer_with(&self, answer: String) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}

impl Drop for FakeExporter {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // It waits for somebody.
        let woken = TcpStream::connect(self.address);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn ok(page: &str) -> String {
    let length = page.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {length}\r\n\r\n{page}"
    )
}

fn respond(mut stream: TcpStream, answer: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 4096 && stream.read(&mut byte)? > 0 {
        head.push(byte[0]);
    }
    stream.write_all(answer.as_bytes())
}

/// A card as fake device files tell of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakeCard {
    /// `card` and this; 128 more is the minor of its render node.
    pub number: u32,
    /// `unique_id`, where it has one.
    pub unique_id: Option<String>,
    /// `gpu_busy_percent`, as it stands there.
    pub busy_percent: String,
    /// `mem_info_vram_used` and `mem_info_vram_total`, bytes.
    pub memory_bytes: (u64, u64),
}

impl FakeCard {
    /// Its address on the bus.
    #[must_use]
    pub fn address(&self) -> String {
        format!("0000:{:02x}:00.0", self.number + 3)
    }

    /// Writes its files below a root that stands for `/sys`, those from before included.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, sys: &Path) -> io::Result<()> {
        let device = sys.join("devices/pci0000:00").join(self.address());
        let (card, render) = (format!("card{}", self.number), format!("renderD{}", self.number + 128));
        for folder in [&card, &render] {
            fs::create_dir_all(device.join("drm").join(folder))?;
        }
        fs::write(device.join("gpu_busy_percent"), &self.busy_percent)?;
        fs::write(device.join("mem_info_vram_used"), format!("{}\n", self.memory_bytes.0))?;
        fs::write(device.join("mem_info_vram_total"), format!("{}\n", self.memory_bytes.1))?;
        if let Some(id) = &self.unique_id {
            fs::write(device.join("unique_id"), format!("{id}\n"))?;
        }
        let class = sys.join("class/drm");
        fs::create_dir_all(&class)?;
        for name in [&card, &render] {
            let own = device.join("drm").join(name);
            let _ = symlink(&device, own.join("device"));
            let _ = symlink(&own, class.join(name));
        }
        Ok(())
    }
}
