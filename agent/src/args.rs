//! Arguments and environment. Written by hand: a parser library is a tenth of the whole program.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `--help` prints.
pub const HELP: &str = "\
kubeopt-agent: reads the cgroups of a node's containers and sends what it saw to the controller

Each argument can be given as an environment variable: --cgroup-root as KUBEOPT_AGENT_CGROUP_ROOT.

  --node NAME          name of this node; required
  --cgroup-root PATH   the host's cgroup root [/sys/fs/cgroup]
  --buffer PATH        folder for what the controller does not have yet [/var/lib/kubeopt-agent]
  --buffer-mib N       how much of it there may be, 1 to 1024 [32]
  --controller URL     https://HOST:PORT of the controller; without it everything stays in the buffer
  --server-name NAME   name in the controller's certificate, where it is not HOST
  --ca FILE            PEM certificates that the controller's certificate is checked against; required with --controller
  --cert FILE          PEM certificate that this node shows, with --key
  --key FILE           its private key in PEM
  --token FILE         projected service-account token to show instead; it is read anew for each call
  --listen ADDRESS     where /healthz, /readyz and /metrics are served; off for nowhere [0.0.0.0:9464]
  --hot-max N          containers read every second at most [32]
  --batch-steps N      steps of ten seconds in one message, 1 to 60 [6]
  --replay-rate N      what was kept is sent at most so many times as fast as it came, 2 to 1000 [2]
  --sys-root PATH      the node's /sys, where device files of GPUs are looked for; off for nowhere [/sys]
  --dcgm-url URL       http://HOST:PORT/PATH of a DCGM exporter on this node, which is asked how busy GPUs are
  --forecast on|off    forecasts on this node with the controller's model [on]
  --training on|off    training on this node, within the controller's budget [on]
  --help               this text
  --version            the version
";

/// Why the arguments cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// Nothing is called so.
    #[error("there is no argument `{0}`: --help lists all")]
    Unknown(String),
    /// No value after it.
    #[error("`{0}` needs a value")]
    NoValue(String),
    /// A value that it cannot have.
    #[error("`--{name}` cannot be `{value}`: {want}")]
    Value {
        /// The argument.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it may be.
        want: &'static str,
    },
    /// Something is missing.
    #[error("give `--{0}`: {1}")]
    Missing(&'static str, &'static str),
}

/// What to do, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// The node's name.
    pub node: String,
    /// The cgroup root.
    pub cgroup_root: PathBuf,
    /// The buffer's folder.
    pub buffer: PathBuf,
    /// The most bytes of the buffer.
    pub buffer_bytes: u64,
    /// Where the controller is, if anywhere.
    pub controller: Option<Controller>,
    /// Where health and metrics are served.
    pub listen: Option<std::net::SocketAddr>,
    /// The most containers read every second.
    pub hot_max: usize,
    /// Steps of one batch.
    pub batch_steps: u32,
    /// How many times faster than it came what was kept may be sent.
    pub replay_rate: u64,
    /// Where device files of GPUs are looked for, if anywhere.
    pub sys_root: Option<PathBuf>,
    /// Who is asked of GPUs, if anyone.
    pub dcgm: Option<Exporter>,
    /// Forecasts on the node.
    pub forecast: bool,
    /// Training on the node.
    pub training: bool,
    /// For benches: a socket that drives the clock.
    pub clock_socket: Option<PathBuf>,
}

/// Where an exporter is: spoken to without encryption, on the node itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What is asked for, with its slash.
    pub path: String,
}

/// Where the controller is, and how to show who speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Name in its certificate.
    pub server_name: String,
    /// Certificates to check it against.
    pub ca: PathBuf,
    /// Own certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Own token.
    pub token: Option<PathBuf>,
}

const NAMES: [&str; 19] = [
    "node",
    "cgroup-root",
    "buffer",
    "buffer-mib",
    "controller",
    "server-name",
    "ca",
    "cert",
    "key",
    "token",
    "listen",
    "hot-max",
    "batch-steps",
    "replay-rate",
    "sys-root",
    "dcgm-url",
    "forecast",
    "training",
    "clock-socket",
];

/// What was given, by name.
struct Given(BTreeMap<&'static str, String>);

impl Args {
    /// From arguments, and from the environment what they do not say.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(
        args: impl IntoIterator<Item = String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ArgsError> {
        let given = Given::read(args, environment)?;
        let controller = given.controller()?;
        Ok(Self {
            node: given.text("node").ok_or(ArgsError::Missing("node", "the name of this node"))?,
            cgroup_root: given.path("cgroup-root").unwrap_or_else(|| "/sys/fs/cgroup".into()),
            buffer: given.path("buffer").unwrap_or_else(|| "/var/lib/kubeopt-agent".into()),
            buffer_bytes: given.number("buffer-mib", 1..=1024, 32, "1 to 1024")? << 20,
            controller,
            listen: given.listen()?,
            hot_max: usize::try_from(given.number("hot-max", 0..=256, 32, "0 to 256")?).unwrap_or(0),
            batch_steps: u32::try_from(given.number("batch-steps", 1..=60, 6, "1 to 60")?).unwrap_or(6),
            replay_rate: given.number("replay-rate", 2..=1000, 2, "2 to 1000")?,
            sys_root: given.sys_root(),
            dcgm: given.exporter()?,
            forecast: given.switch("forecast")?,
            training: given.switch("training")?,
            clock_socket: given.path("clock-socket"),
        })
    }
}

impl Given {
    fn read(
        args: impl IntoIterator<Item = String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ArgsError> {
        let mut given = BTreeMap::new();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            let known = name.strip_prefix("--").and_then(|name| NAMES.iter().find(|known| **known == name));
            let known = *known.ok_or_else(|| ArgsError::Unknown(name.to_owned()))?;
            let value = value.or_else(|| args.next()).ok_or_else(|| ArgsError::NoValue(name.to_owned()))?;
            given.insert(known, value);
        }
        for name in NAMES {
            let variable = format!("KUBEOPT_AGENT_{}", name.replace('-', "_").to_ascii_uppercase());
            if let Some(value) = environment(&variable).filter(|_| !given.contains_key(name)) {
                given.insert(name, value);
            }
        }
        // A chart sets what it does not use to nothing.
        given.retain(|_, value| !value.is_empty());
        Ok(Self(given))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    fn number(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<u64>,
        default: u64,
        want: &'static str,
    ) -> Result<u64, ArgsError> {
        let Some(value) = self.text(name) else { return Ok(default) };
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.ok_or(ArgsError::Value { name, value, want })
    }

    fn switch(&self, name: &'static str) -> Result<bool, ArgsError> {
        match self.text(name).as_deref() {
            None | Some("on") => Ok(true),
            Some("off") => Ok(false),
            Some(value) => Err(ArgsError::Value { name, value: value.to_owned(), want: "on or off" }),
        }
    }

    fn listen(&self) -> Result<Option<std::net::SocketAddr>, ArgsError> {
        let value = self.text("listen").unwrap_or_else(|| "0.0.0.0:9464".to_owned());
        if value == "off" {
            return Ok(None);
        }
        let want = "an address and a port, or off";
        value.parse().map(Some).map_err(|_| ArgsError::Value { name: "listen", value, want })
    }

    fn sys_root(&self) -> Option<PathBuf> {
        let value = self.path("sys-root").unwrap_or_else(|| "/sys".into());
        (value.as_os_str() != "off").then_some(value)
    }

    fn exporter(&self) -> Result<Option<Exporter>, ArgsError> {
        let Some(url) = self.text("dcgm-url") else { return Ok(None) };
        let parts = || {
            let rest = url.strip_prefix("http://")?;
            let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let (host, port) = host_and_port(place)?;
            let path = if path.len() > 1 { path } else { "/metrics" };
            let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
            is_plain.then(|| Exporter { host, port, path: path.to_owned() })
        };
        let want = "http://HOST:PORT/PATH of an exporter on this node";
        parts().map(Some).ok_or_else(|| ArgsError::Value { name: "dcgm-url", value: url.clone(), want })
    }

    fn controller(&self) -> Result<Option<Controller>, ArgsError> {
        let Some(url) = self.text("controller") else { return Ok(None) };
        let place = url.strip_prefix("https://").map(|place| place.trim_end_matches('/'));
        let (host, port) = place.and_then(host_and_port).ok_or_else(|| ArgsError::Value {
            name: "controller",
            value: url.clone(),
            want: "https://HOST:PORT; there is no unencrypted way",
        })?;
        let identity = match (self.path("cert"), self.path("key")) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err(ArgsError::Missing("key", "the private key of --cert")),
            (None, Some(_)) => return Err(ArgsError::Missing("cert", "the certificate of --key")),
        };
        let token = self.path("token");
        if identity.is_none() && token.is_none() {
            return Err(ArgsError::Missing("cert", "or --token, to show the controller which node this is"));
        }
        Ok(Some(Controller {
            server_name: self.text("server-name").unwrap_or_else(|| host.clone()),
            ca: self.path("ca").ok_or(ArgsError::Missing("ca", "to check the controller's certificate"))?,
            host,
            port,
            identity,
            token,
        }))
    }
}

fn host_and_port(place: &str) -> Option<(String, u16)> {
    let (host, port) = place.rsplit_once(':')?;
    let host = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']'))?;
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | ':');
    (!host.is_empty() && host.chars().all(plain)).then_some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str) -> Result<Args, ArgsError> {
        let args = args.split_whitespace().map(str::to_owned);
        Args::parse(args, |name| (name == "KUBEOPT_AGENT_NODE").then(|| "from-env".to_owned()))
    }

    #[test]
    fn the_environment_says_what_arguments_do_not() {
        assert_eq!(parse("").unwrap().node, "from-env");
        assert_eq!(parse("--node=n1").unwrap().node, "n1");
        let args = parse("--node n1 --buffer-mib 8 --listen off --training off").unwrap();
        assert_eq!(
            (args.buffer_bytes, args.listen, args.training, args.forecast),
            (8 << 20, None, false, true)
        );
    }

    #[test]
    fn the_controller_is_reached_encrypted_checked_and_named() {
        let args = parse("--controller https://kubeopt:9443 --ca ca.pem --token t").unwrap();
        let controller = args.controller.unwrap();
        assert_eq!((controller.host.as_str(), controller.port), ("kubeopt", 9443));
        assert_eq!(
            parse("--controller https://[::1]:1 --ca c --token t").unwrap().controller.unwrap().host,
            "::1"
        );
        for (args, word) in [
            ("--controller http://kubeopt:1 --ca c --token t", "https"),
            ("--controller https://kubeopt:9443 --token t", "--ca"),
            ("--controller https://kubeopt:9443 --ca c", "--token"),
            ("--controller https://kubeopt:9443 --ca c --cert x", "--key"),
            ("--contoller x", "--help"),
            ("--node", "value"),
            ("--hot-max many", "0 to 256"),
            ("--dcgm-url https://localhost:9400/metrics", "http://"),
            ("--dcgm-url http://localhost", "PORT"),
            ("--dcgm-url http://user@localhost:9400", "HOST"),
            ("--dcgm-url http://localhost:9400/a\u{7}b", "PATH"),
        ] {
            let error = parse(args).unwrap_err().to_string();
            assert!(error.contains(word), "{args}: {error}");
        }
    }

    #[test]
    fn gpus_are_looked_for_in_sysfs_and_an_exporter_is_asked_where_it_is_named() {
        let args = parse("").unwrap();
        assert_eq!((args.sys_root, args.dcgm), (Some("/sys".into()), None));
        assert_eq!(parse("--sys-root off").unwrap().sys_root, None);
        let asked = |url: &str| parse(&format!("--dcgm-url {url}")).unwrap().dcgm.unwrap();
        let of =
            |host: &str, path: &str| Exporter { host: host.to_owned(), port: 9400, path: path.to_owned() };
        assert_eq!(asked("http://10.0.0.1:9400/metrics"), of("10.0.0.1", "/metrics"));
        assert_eq!(asked("http://[::1]:9400"), of("::1", "/metrics"));
        assert_eq!(asked("http://dcgm:9400/"), of("dcgm", "/metrics"));
        assert_eq!(asked("http://dcgm:9400/a?b=c"), of("dcgm", "/a?b=c"));
    }

    #[test]
    fn help_names_every_argument() {
        for name in NAMES.iter().filter(|name| **name != "clock-socket") {
            assert!(HELP.contains(&format!("--{name} ")), "{name}");
        }
    }
}
