//! One-time codes beside `oathtool`, and answers of tokens beside OpenSSL: live, with secrets that were drawn just now.

use std::fs;
use std::path::PathBuf;

use medsec_auth::factor::otp::{Code, Digits, Hash, Moving, Otp, Settings};
use medsec_auth::factor::token::{Challenge, Intent, Request, Token};
use medsec_core::Secret;
use medsec_core::key::{Context, DeviceKey};
use medsec_core::rng::Random;
use medsec_core::time::{Ticks, TimeSource, WallTime};
use medsec_sim::prng::Prng;
use medsec_sim::rng::Noise;

use crate::shell::Shell;

/// Secrets that are drawn, for each kind of code and each length.
const SECRETS: usize = 12;
/// Codes of each that are compared, one behind the other.
const CODES: u32 = 10;
/// The look-ahead of counters.
const AHEAD: u8 = 3;
/// Of these codes only those are left out that two steps share.
const COMPARED_MIN: u32 = 1_000;
/// Keys of tokens, on each side.
const KEYS: usize = 6;
/// A signature from each side for each key and intent.
const SIGNATURES: u32 = 48;
/// The context of a token's answer, as `docs/formats.md` has it.
const CONTEXT: &[u8] = b"medsec/v1/auth/token";
/// What stands before an Ed25519 key in its DER form (RFC 8410).
const DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Both comparisons; what they came to.
///
/// # Errors
/// A difference, or a program that is missing.
pub(super) fn compare(shell: &Shell, seed: u64) -> Result<String, String> {
    let mut prng = Prng::new(seed);
    let oathtool = version(shell, "oathtool")?;
    let openssl = version(shell, "openssl")?;
    let codes = codes(shell, &mut prng)?;
    let answers = Tokens::new(shell, &mut prng)?.compare()?;
    if codes < COMPARED_MIN || answers < SIGNATURES {
        return Err(format!(
            "{codes} codes and {answers} signatures were compared, which is too few"
        ));
    }
    Ok(format!("{oathtool}: {codes} codes; {openssl}: {answers} signatures"))
}

/// The name and version that a program says of itself.
fn version(shell: &Shell, program: &str) -> Result<String, String> {
    let argument = if program == "openssl" { "version" } else { "--version" };
    let missing = |_| format!("{program} is missing: install it, or run .ci/run once");
    let told = shell.read(&[program, argument]).map_err(missing)?;
    let words = told.lines().next().unwrap_or_default().split_whitespace();
    let is_number = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    let number = words.clone().find(is_number).unwrap_or("of an unknown version");
    Ok(format!("{program} {number}"))
}

/// Draws secrets and counters, and has both sides make and take codes. How many were compared.
fn codes(shell: &Shell, prng: &mut Prng) -> Result<u32, String> {
    let mut compared = 0;
    for digits in [Digits::Six, Digits::Seven, Digits::Eight] {
        for _ in 0..SECRETS {
            let counter = Moving::Counter { ahead: AHEAD };
            let first = 1 + prng.below_u32(u32::MAX - 1_000);
            compared += row(shell, prng, (counter, Hash::Sha1, digits), first)?;
            for hash in [Hash::Sha1, Hash::Sha256] {
                let seconds = if prng.one(1, 2) { 30 } else { 60 };
                let time = Moving::Time { period_seconds: seconds, window: 1 };
                let first = 1 + prng.below_u32(u32::MAX / 60);
                compared += row(shell, prng, (time, hash, digits), first)?;
            }
        }
    }
    Ok(compared)
}

/// One secret: codes that follow each other, from `first` on.
fn row(
    shell: &Shell,
    prng: &mut Prng,
    (moving, hash, digits): (Moving, Hash, Digits),
    first: u32,
) -> Result<u32, String> {
    let most = if hash == Hash::Sha1 { 20 } else { 32 };
    let mut key = vec![0; 16 + prng.below(most - 15)];
    prng.fill(&mut key);
    let settings = Settings::new(moving, hash, digits).ok_or("settings")?;
    let otp = Otp::import(settings, &key).map_err(|error| error.to_string())?;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let (count, more) = (digits.count().to_string(), (CODES - 1).to_string());
    let period = match moving {
        Moving::Time { period_seconds, .. } => u64::from(period_seconds),
        Moving::Counter { .. } | _ => 0,
    };
    let (kind, from) = if period == 0 {
        ("--hotp", format!("--counter={first}"))
    } else if hash == Hash::Sha1 {
        ("--totp=sha1", format!("--now=@{}", u64::from(first) * period))
    } else {
        ("--totp=sha256", format!("--now=@{}", u64::from(first) * period))
    };
    let step = format!("--time-step-size={}s", period.max(1));
    let mut words = vec!["oathtool", kind, &from, "--digits", &count, "--window", &more];
    if period != 0 {
        words.push(&step);
    }
    words.push(&hex);
    let told = shell.read(&words)?;
    let codes: Vec<&str> = told.lines().collect();
    if codes.len() != usize::try_from(CODES).unwrap_or(usize::MAX) {
        return Err(format!("oathtool made {} codes of {CODES}", codes.len()));
    }
    let mut compared = 0;
    for (step, code) in (first..).zip(&codes) {
        // Two steps with one code are another matter, and a test of its own.
        if codes.iter().filter(|other| *other == code).count() > 1 {
            continue;
        }
        let now = u64::from(step) * period + prng.word() % period.max(1);
        let taken = |code: &str, last| taken(&otp, code, last, now);
        let what = || format!("{} at step {step} of {hex}", words.join(" "));
        if taken(code, step - 1)? != Some(step) {
            return Err(format!("{}: {code} is not taken", what()));
        }
        if taken(code, step)?.is_some() {
            return Err(format!("{}: {code} is taken twice", what()));
        }
        let wrong = changed(code, prng);
        if !codes.contains(&&*wrong) && taken(&wrong, step - 1)? == Some(step) {
            return Err(format!("{}: {wrong} is taken", what()));
        }
        compared += 1;
    }
    Ok(compared)
}

/// The step of which a code is taken behind `last`.
fn taken(otp: &Otp, code: &str, last: u32, now: u64) -> Result<Option<u32>, String> {
    let code = Code::parse(code.as_bytes()).ok_or_else(|| format!("no code: {code}"))?;
    let now =
        WallTime { unix_seconds: now, source: TimeSource::Authenticated, uncertainty_seconds: 1 };
    let matched = otp.match_step(&code, last, now, &[0; 32]).map_err(|error| error.to_string())?;
    Ok(matched.accept().ok().map(|step| step.number()))
}

/// A code with one digit changed.
fn changed(code: &str, prng: &mut Prng) -> String {
    let place = prng.below(code.len());
    let turned = |(at, digit): (usize, char)| {
        let next = digit.to_digit(10).and_then(|digit| char::from_digit((digit + 1) % 10, 10));
        if at == place { next.unwrap_or('0') } else { digit }
    };
    code.chars().enumerate().map(turned).collect()
}

/// Tokens on both sides.
struct Tokens<'a> {
    shell: &'a Shell,
    prng: &'a mut Prng,
    folder: PathBuf,
    random: Random<Noise>,
}

impl<'a> Tokens<'a> {
    fn new(shell: &'a Shell, prng: &'a mut Prng) -> Result<Self, String> {
        let folder = shell.target().join("interop");
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut random = Random::new(<Noise>::good(prng.word()));
        let started = random.start(Secret::new([1; 32]), b"interop");
        started.map_err(|error| error.to_string())?;
        Ok(Self { shell, prng, folder, random })
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<String, String> {
        let path = self.path(name);
        fs::write(&path, bytes).map_err(|e| format!("{path}: {e}"))?;
        Ok(path)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.path(name);
        fs::read(&path).map_err(|e| format!("{path}: {e}"))
    }

    /// How many signatures were compared.
    fn compare(mut self) -> Result<u32, String> {
        let mut compared = 0;
        for _ in 0..KEYS {
            for intent in [Intent::LogIn, Intent::StepUp, Intent::Approve, Intent::Enroll] {
                self.of_openssl(intent)?;
                self.of_ours(intent)?;
                compared += 2;
            }
        }
        Ok(compared)
    }

    fn request(&mut self, intent: Intent) -> Request {
        let mut request = Request {
            device: [0; 16],
            binding: [0; 32],
            principal: [0; 8],
            intent,
            permissions: self.prng.below_u32(u32::MAX),
        };
        self.prng.fill(&mut request.device);
        self.prng.fill(&mut request.binding);
        self.prng.fill(&mut request.principal);
        request
    }

    /// A key that OpenSSL makes signs what our device asks.
    fn of_openssl(&mut self, intent: Intent) -> Result<(), String> {
        let (key, public) = (self.path("key.pem"), self.path("public.der"));
        self.shell.read(&["openssl", "genpkey", "-algorithm", "ed25519", "-out", &key])?;
        let words = ["openssl", "pkey", "-in", &key, "-pubout", "-outform", "DER", "-out", &public];
        self.shell.read(&words)?;
        let der = self.read("public.der")?;
        let public: [u8; 32] = der
            .strip_prefix(&DER)
            .and_then(|key| key.try_into().ok())
            .ok_or("OpenSSL wrote a key of another form")?;
        let token = Token::enroll(&public, |_| false).map_err(|error| error.to_string())?;
        for is_right in [true, false] {
            let (request, now) = (self.request(intent), Ticks::from_millis(self.prng.word() >> 20));
            let challenge = Challenge::ask(request, &mut self.random, now);
            let challenge = challenge.map_err(|error| error.to_string())?;
            let message = padded(&request.message(challenge.nonce()));
            let (message, out) = (self.write("message", &message)?, self.path("signature"));
            let sign = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", &key];
            self.shell.read(&[&sign[..], &["-in", &message, "-out", &out]].concat())?;
            let answer = self.read("signature")?;
            let mut answer: [u8; 64] =
                answer.try_into().map_err(|_| "a signature of another length")?;
            if !is_right {
                let place = self.prng.below(answer.len());
                answer.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1);
            }
            let verdict = challenge.verify(Some(&token), &answer, &request, now, &[0; 32]);
            if verdict.accept().is_ok() != is_right {
                return Err(format!("an answer of OpenSSL: right {is_right}, and not so for us"));
            }
        }
        Ok(())
    }

    /// A token of ours answers, and OpenSSL looks at it.
    fn of_ours(&mut self, intent: Intent) -> Result<(), String> {
        let mut seed = [0; 32];
        self.prng.fill(&mut seed);
        let key = DeviceKey::from_seed(&Secret::new(seed));
        let mut nonce = [0; 32];
        self.prng.fill(&mut nonce);
        let mut message = self.request(intent).message(&nonce);
        let answer = key.sign(Context::AuthToken, &[&message]).map_err(|e| e.to_string())?;
        let public = self.write("public.der", &[&DER[..], &key.public().to_bytes()].concat())?;
        let signature = self.write("signature", &answer)?;
        for is_right in [true, false] {
            if !is_right {
                let place = self.prng.below(message.len());
                message.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1);
            }
            let file = self.write("message", &padded(&message))?;
            let verify = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER"];
            let rest = ["-inkey", &public, "-in", &file, "-sigfile", &signature];
            if self.shell.succeeds(&[&verify[..], &rest].concat()) != is_right {
                return Err(format!("an answer of ours: right {is_right}, and not so for OpenSSL"));
            }
        }
        Ok(())
    }
}

/// What a token signs: the context, padded to 32 bytes, and the message.
fn padded(message: &[u8]) -> Vec<u8> {
    let mut bytes = CONTEXT.to_vec();
    bytes.resize(32, 0);
    bytes.extend(message);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_changed_in_one_place() {
        let mut prng = Prng::new(1);
        for code in ["000000", "9999999", "12345678"] {
            let other = changed(code, &mut prng);
            let differing = code.chars().zip(other.chars()).filter(|(one, two)| one != two);
            assert_eq!((other.len(), differing.count()), (code.len(), 1));
        }
    }
}
