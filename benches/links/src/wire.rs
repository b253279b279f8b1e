//! `links wire`: bytes of handshakes and of frames, of links of medsec's and of others, and the bounds that ours keep.

mod noise;
mod own;
mod tls;
mod tunnel;

use crate::Outcome;

/// Bytes of the body of a frame that is counted.
const BODY: [u8; 64] = [0xA5; 64];

/// What a handshake or a frame took.
#[derive(Clone)]
struct Row {
    link: &'static str,
    /// What each side of a handshake knows of the other before; what carries a frame.
    how: &'static str,
    bytes: usize,
    /// What medsec's may take.
    bound: Option<usize>,
    /// The messages of a handshake; what a frame leaves to its channel.
    more: String,
}

impl Row {
    fn handshake(link: &'static str, how: &'static str, messages: &[usize]) -> Self {
        let more: Vec<String> = messages.iter().map(ToString::to_string).collect();
        let (bytes, more) = (messages.iter().sum(), more.join(" + "));
        Self { link, how, bytes, bound: None, more }
    }

    /// A frame by its length with [`BODY`] in it.
    fn frame(link: &'static str, how: &'static str, length: usize, left: &str) -> Self {
        Self { link, how, bytes: length - BODY.len(), bound: None, more: left.to_owned() }
    }

    fn bounded(self, bound: usize) -> Self {
        Self { bound: Some(bound), ..self }
    }
}

/// Prints the tables; an error names the bounds that were broken.
pub(crate) fn run() -> Outcome<()> {
    let others = ["snow", "rustls", "boringtun", "rcgen"].map(crate::version);
    println!("bytes on the wire, beside {}", others.join(", "));
    let certificates = [("medsec", own::CERTIFICATE_BYTES), ("rcgen", tls::certificate_bytes()?)];
    for (whose, bytes) in certificates {
        println!("a certificate of {whose} in a handshake: {bytes}");
        println!("count bytes, certificate: {whose} {bytes}");
    }
    let handshakes =
        [own::handshakes()?, noise::handshakes()?, tls::handshakes()?, vec![tunnel::handshake()?]];
    let frames = [own::frames()?, vec![noise::frame()?, tls::frame()?, tunnel::frame()?]];
    let broken = [
        table("handshake", ["known before", "messages"], &handshakes.concat()),
        table("frame", ["carried by", "left to the channel"], &frames.concat()),
    ];
    let broken = broken.concat();
    if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
}

/// One table for the reader, and its figures for the record; says what is over its bound.
fn table(what: &str, [how, more]: [&str; 2], rows: &[Row]) -> Vec<String> {
    println!("{what:<40} {how:<16} {:>6} {:>6}  {more}", "bytes", "bound");
    let mut over = Vec::new();
    for Row { link, how, bytes, bound, more } in rows {
        let most = bound.map_or_else(|| "-".to_owned(), |bound| bound.to_string());
        println!("{link:<40} {how:<16} {bytes:>6} {most:>6}  {more}");
        println!("count bytes, {what}: {link} {bytes}");
        if bound.is_some_and(|bound| *bytes > bound) {
            over.push(format!("{link}: {bytes} bytes, {most} at most"));
        }
    }
    over
}
