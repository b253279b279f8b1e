//! Sends the syslog exports to a real collector of its own, and looks at what it received.

use core::time::Duration;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

/// Longest wait for the collector.
const WAIT: Duration = Duration::from_secs(30);
/// So long without a new message, and no more are coming.
const QUIET: Duration = Duration::from_secs(1);

/// Sends both framings and the de-identified form; gives the number of messages. Each must arrive once, in order, with its
/// structured data as it was sent. Messages that are not escaped must not.
pub(super) fn check(dir: &Path) -> Result<u64, String> {
    let text = |name: &str| {
        std::fs::read_to_string(dir.join(name)).map_err(|error| format!("{name}: {error}"))
    };
    let (lines, counted, de_identified) =
        (text("records.lines")?, text("records.counted")?, text("de-identified.lines")?);
    let mut collector = Collector::start(dir)?;
    let mut sent = Vec::new();
    for (payload, messages) in
        [(&lines, &lines), (&counted, &lines), (&de_identified, &de_identified)]
    {
        collector.send(payload)?;
        sent.extend(messages.lines().map(parts).collect::<Result<Vec<_>, _>>()?);
        collector.wait(sent.len())?;
    }
    let received = collector.received()?;
    if received.len() != sent.len() {
        return Err(format!("{} messages sent, {} received", sent.len(), received.len()));
    }
    for (sent, received) in sent.iter().zip(&received) {
        if sent != received {
            return Err(format!("sent     {sent:?}\nreceived {received:?}"));
        }
        if let Some(steers) = received.iter().flat_map(|part| part.chars()).find(|c| steers(*c)) {
            return Err(format!("U+{:04X} arrived", u32::from(steers)));
        }
    }
    let control = text("unescaped.lines")?;
    collector.send(&control)?;
    collector.wait(sent.len() + 1)?;
    let (texts, arrived) =
        (control.matches("<110>").count(), collector.received()?.len() - sent.len());
    println!("control: {texts} texts that were not escaped arrived as {arrived} messages");
    if arrived == texts {
        return Err("the control arrived whole: this collector proves nothing".to_owned());
    }
    u64::try_from(sent.len()).map_err(|error| error.to_string())
}

/// Whether a character could steer whoever reads the collector's files.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

/// What is compared of a message: host, message id, structured data, words.
type Parts = [String; 4];

fn parts(message: &str) -> Result<Parts, String> {
    let odd = || format!("not a message of ours: {message}");
    let mut head = message.splitn(7, ' ');
    let (host, id) = (head.nth(2).ok_or_else(odd)?, head.nth(2).ok_or_else(odd)?);
    let (data, words) =
        head.next().and_then(|rest| rest.split_once(" \u{feff}")).ok_or_else(odd)?;
    Ok([host, id, data, words].map(str::to_owned))
}

/// A collector that listens to nobody else, in a folder of its own. It ends with this value.
struct Collector {
    process: Child,
    port: u16,
    file: PathBuf,
}

impl Collector {
    fn start(dir: &Path) -> Result<Self, String> {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("no port: {error}"))?
            .port();
        let (file, configuration) = (dir.join("received"), dir.join("rsyslog.conf"));
        let text = format!(
            r#"global(workDirectory="{dir}")
module(load="imtcp")
template(name="parts" type="list") {{
  property(name="hostname") constant(value="\t")
  property(name="msgid") constant(value="\t")
  property(name="structured-data") constant(value="\t")
  property(name="msg") constant(value="\n")
}}
ruleset(name="all") {{ action(type="omfile" file="{file}" template="parts") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="all")
"#,
            dir = dir.display(),
            file = file.display(),
        );
        std::fs::write(&configuration, text).map_err(|e| format!("rsyslog.conf: {e}"))?;
        let program = super::find("rsyslogd").ok_or("rsyslogd is missing")?;
        let process = Command::new(program)
            .arg("-n")
            .arg("-f")
            .arg(&configuration)
            .arg("-i")
            .arg(dir.join("rsyslog.pid"))
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("rsyslogd: {error}"))?;
        Ok(Self { process, port, file })
    }

    /// Sends `payload` over a connection of its own.
    fn send(&mut self, payload: &str) -> Result<(), String> {
        let begun = Instant::now();
        let mut stream = loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => break stream,
                Err(error) if begun.elapsed() > WAIT => return Err(format!("rsyslogd: {error}")),
                Err(_) => sleep(Duration::from_millis(50)),
            }
        };
        stream.write_all(payload.as_bytes()).map_err(|error| format!("rsyslogd: {error}"))
    }

    /// Waits until at least `count` messages are there and no more come.
    fn wait(&self, count: usize) -> Result<(), String> {
        let (begun, mut known, mut since) = (Instant::now(), 0, Instant::now());
        while begun.elapsed() < WAIT {
            let now = self.received()?.len();
            if now != known {
                (known, since) = (now, Instant::now());
            }
            if known >= count && since.elapsed() > QUIET {
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        Err(format!("{known} messages received, {count} expected"))
    }

    fn received(&self) -> Result<Vec<Parts>, String> {
        let text = match std::fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{}: {error}", self.file.display())),
        };
        let parts = |line: &str| {
            let mut parts = line.splitn(4, '\t').map(str::to_owned);
            let mut next = || parts.next().unwrap_or_default();
            let (host, id, data, words) = (next(), next(), next(), next());
            [host, id, data, words.trim_start_matches(['\u{feff}', ' ']).to_owned()]
        };
        Ok(text.lines().map(parts).collect())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
