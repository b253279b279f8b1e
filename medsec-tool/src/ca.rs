//! A certificate authority in a folder: its secrets under a passphrase, its book, and what its owner's tools trust.
//!
//! | file | holds |
//! |---|---|
//! | `ca.key` | the secrets, encrypted under the passphrase; mode 0600 |
//! | `ca.txt` | the book: next serial number, next number of a permit, and the signed state that devices take, with epoch and what is revoked |
//! | `trust.txt` | the public key and the admission secret, for the owner's tools; mode 0600 |
//!
//! `ca.key` is one line: `medsec-ca-key-1`, origin, 64 digits: the public key, 32 digits: the salt, 24: the nonce, 192: the secrets, 32: the tag. The key
//! of the encryption is Argon2id (RFC 9106) of the passphrase and salt with 64 MiB, 3 passes and 1 lane; word, origin, public key and salt are
//! associated data. The secrets are the seed that signs certificates, the secret of the log authority and the admission secret, 32 bytes each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::Day;
use medsec_core::identity::issuer_state::{IssuerRecord, IssuerState, Revoking, STATE_BYTES_MAX};
use medsec_core::identity::trust::Origin;
use medsec_core::key::{AtRest, DeviceKey, Envelope, PublicKey};
use medsec_core::suite::Aes256Gcm;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::files;
use crate::keyfile::{FILE_BYTES_MAX, KeyFileError, key, parts};
use crate::text::{hex, parse_hex, parse_hex_vec};
use crate::trust::TrustFile;
use crate::untrusted::Untrusted;

const KEY_WORD: &str = "medsec-ca-key-1";
const BOOK_WORD: &str = "medsec-ca-1";
/// Characters of the shortest passphrase (SP 800-63B-4 for one that stands alone).
pub(crate) const PASSPHRASE_CHARS_MIN: usize = 15;
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const SECRET_BYTES: usize = 96;
/// How far the number of a permit may be ahead of the book: who signs first could use up the numbers of the second otherwise.
const NUMBERS_AHEAD_MAX: u32 = 10_000;

/// What an authority keeps secret. Wiped on drop, prints nothing.
pub(crate) struct Secrets(Zeroizing<[u8; SECRET_BYTES]>);

impl Secrets {
    fn draw() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(&mut *bytes).map_err(|_| Error::NoRandomness)?;
        Ok(Self(bytes))
    }

    fn part(&self, index: usize) -> [u8; 32] {
        let mut part = [0; 32];
        part.copy_from_slice(&self.0[32 * index..32 * index + 32]);
        part
    }

    /// The key that signs certificates.
    pub(crate) fn signer(&self) -> DeviceKey {
        DeviceKey::from_seed(&Secret::new(self.part(0)))
    }

    /// The secret of the log authority.
    pub(crate) fn log_authority(&self) -> AgreementSecret {
        AgreementSecret::from_bytes(Secret::new(self.part(1)))
    }

    /// The bytes of that secret, for a key file.
    pub(crate) fn log_authority_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.part(1))
    }

    /// What the owner's tools and devices share.
    pub(crate) fn admission(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.part(2))
    }
}

/// What an authority has done so far.
pub(crate) struct Book {
    pub(crate) origin: Origin,
    pub(crate) key: PublicKey,
    /// Serial number of the next certificate.
    pub(crate) serial: u32,
    /// Number of the next permit.
    pub(crate) permit: u32,
    pub(crate) state: IssuerState,
}

/// The folder of an authority, locked against another run of this tool.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder and a new authority in it.
    pub(crate) fn init(
        path: &Path,
        origin: Origin,
        passphrase: &str,
        today: Day,
    ) -> Result<(Self, Book), Error> {
        fs::create_dir_all(path).map_err(|error| unwritten(path, &error))?;
        for path in Self::files(path) {
            if path.exists() {
                return Err(Error::OverFile { path: Untrusted::from_path(&path) });
            }
        }
        let secrets = Secrets::draw()?;
        let (signer, admission) = (secrets.signer(), secrets.admission());
        files::write_secret(&path.join("ca.key"), &encrypt(&secrets, origin, passphrase)?)?;
        let folder = Self::open(path)?;
        let state = sign(&signer, today, 1, 1, &[])?;
        let book = Book { origin, key: signer.public(), serial: 1, permit: 1, state };
        folder.write(&book)?;
        let trust = TrustFile::new(&[(origin, book.key)], Some(*admission));
        files::write_secret(&path.join("trust.txt"), &trust.to_file())?;
        Ok((folder, book))
    }

    /// The files of an authority in this folder, whose place nothing takes.
    pub(crate) fn files(path: &Path) -> [PathBuf; 3] {
        ["ca.key", "ca.txt", "trust.txt"].map(|name| path.join(name))
    }

    /// The folder of an authority there is.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let key = path.join("ca.key");
        let lock =
            File::open(&key).and_then(|file| file.try_lock().map_err(Into::into).map(|()| file));
        let lock = lock.map_err(|error| Error::Read {
            path: Untrusted::from_path(&key),
            reason: Untrusted::new(error.to_string()),
        })?;
        Ok(Self { path: path.to_path_buf(), _lock: lock })
    }

    /// The book, whose state is signed by the key it names.
    pub(crate) fn book(&self) -> Result<Book, Error> {
        let path = self.path.join("ca.txt");
        let bytes = files::read(&path, FILE_BYTES_MAX)?;
        Book::parse(&bytes).map_err(|cause| Error::IdentityFile {
            path: Untrusted::from_path(&path),
            what: "book of an authority",
            cause,
        })
    }

    /// The secrets, if the book is theirs.
    pub(crate) fn unlock(&self, book: &Book, passphrase: &str) -> Result<Secrets, Error> {
        let path = self.path.join("ca.key");
        let bytes = Zeroizing::new(files::read(&path, FILE_BYTES_MAX)?);
        let opened = decrypt(&bytes, passphrase);
        // Another authority's book would have this one vouch for that one's key.
        let is_own = |(origin, secrets): (Origin, Secrets)| {
            let is_own = origin == book.origin && secrets.signer().public() == book.key;
            is_own.then_some(secrets).ok_or(KeyFileError::Book)
        };
        opened.and_then(is_own).map_err(|cause| {
            let path = Untrusted::from_path(&path);
            if cause == KeyFileError::Passphrase {
                return Error::Passphrase { path };
            }
            Error::IdentityFile { path, what: "key of an authority", cause }
        })
    }

    /// Replaces the book.
    pub(crate) fn write(&self, book: &Book) -> Result<(), Error> {
        let text = book.to_file();
        files::write(&self.path.join("ca.txt"), &[], |out| out.write_all(text.as_bytes()))
    }

    /// Whether others than its owner can read the key.
    pub(crate) fn is_wide(&self) -> bool {
        files::is_wide(&self.path.join("ca.key"))
    }
}

/// What the book in this file has revoked.
pub(crate) fn revoked(path: &Path) -> Result<IssuerRecord, Error> {
    let bytes = files::read(path, FILE_BYTES_MAX)?;
    let record = Book::parse(&bytes).and_then(|book| book.record().ok_or(KeyFileError::Line));
    record.map_err(|cause| Error::IdentityFile {
        path: Untrusted::from_path(path),
        what: "book of an authority",
        cause,
    })
}

impl Book {
    fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let text = str::from_utf8(bytes).map_err(|_| KeyFileError::NotText)?;
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        if lines.next() != Some(BOOK_WORD) {
            return Err(KeyFileError::WrongKind);
        }
        let mut line = |name: &str| -> Result<&str, KeyFileError> {
            let line = lines.next().and_then(|line| line.strip_prefix(name));
            line.and_then(|line| line.strip_prefix(' ')).ok_or(KeyFileError::Line)
        };
        let origin = origin_of(line("origin")?).ok_or(KeyFileError::Line)?;
        let public = PublicKey::parse(&key(line("key")?)?).map_err(|_| KeyFileError::NoKey)?;
        let figure = |digits: &str| digits.parse::<u32>().ok().filter(|number| *number > 0);
        let serial = figure(line("serial")?).ok_or(KeyFileError::Line)?;
        let permit = figure(line("permit")?).ok_or(KeyFileError::Line)?;
        let state = parse_hex_vec(line("state")?).ok_or(KeyFileError::Digits)?;
        let state = IssuerState::parse(&state).map_err(|_| KeyFileError::Line)?;
        if lines.next().is_some() || state.verify(&public).is_err() {
            return Err(KeyFileError::Line);
        }
        Ok(Self { origin, key: public, serial, permit, state })
    }

    fn to_file(&self) -> String {
        let mut buffer = [0; STATE_BYTES_MAX];
        let (origin, key) = (word(self.origin), hex(&self.key.to_bytes()));
        let state = hex(self.state.to_bytes(&mut buffer));
        let (serial, permit) = (self.serial, self.permit);
        format!(
            "{BOOK_WORD}\norigin {origin}\nkey {key}\nserial {serial}\npermit {permit}\nstate {state}\n"
        )
    }

    /// What devices and tools keep of it: nothing that it has revoked holds.
    pub(crate) fn record(&self) -> Option<IssuerRecord> {
        IssuerRecord::after(None, &self.state, &self.key, None).ok()
    }

    /// The epoch in which it issues.
    pub(crate) const fn epoch(&self) -> u32 {
        self.state.min_epoch()
    }

    /// Whether a permit may have this number: it was not used, and leaves numbers for what comes.
    pub(crate) fn has_number(&self, number: u32) -> bool {
        number >= self.permit && number - self.permit < NUMBERS_AHEAD_MAX
    }

    /// The book once the number of a permit is used.
    pub(crate) fn after_permit(self, number: u32) -> Result<Self, Error> {
        let permit = number.checked_add(1).ok_or(Error::Bug { what: "no number is left" })?;
        Ok(Self { permit, ..self })
    }

    /// The book after a change of what is revoked, in the present epoch or the next.
    pub(crate) fn revoking(
        &self,
        signer: &DeviceKey,
        today: Day,
        epoch: u32,
        revoked: &[u32],
    ) -> Result<Self, Error> {
        let number =
            self.state.number().checked_add(1).ok_or(Error::Bug { what: "no number is left" })?;
        let today = self.state.day().max(today);
        let state = sign(signer, today, number, epoch, revoked)?;
        Ok(Self { state, ..*self })
    }
}

fn sign(
    signer: &DeviceKey,
    day: Day,
    number: u32,
    epoch: u32,
    revoked: &[u32],
) -> Result<IssuerState, Error> {
    let revoking = Revoking { day, number, min_epoch: epoch, min_permit: 0, revoked };
    IssuerState::sign(&revoking, signer).map_err(|_| Error::ListFull)
}

/// The word that stands for an origin in these files.
pub(crate) const fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::Maker => "maker",
        Origin::Owner | _ => "owner",
    }
}

fn origin_of(name: &str) -> Option<Origin> {
    [Origin::Owner, Origin::Maker].into_iter().find(|origin| word(*origin) == name)
}

fn encrypt(
    secrets: &Secrets,
    origin: Origin,
    passphrase: &str,
) -> Result<Zeroizing<String>, Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| Error::NoRandomness)?;
    let public = hex(&secrets.signer().public().to_bytes());
    let front = format!("{KEY_WORD} {} {public} {}", word(origin), hex(&salt));
    let mut body = secrets.0.clone();
    let bug = |_| Error::Bug { what: "the secrets of an authority do not fit" };
    let root = stretch(passphrase, &salt).ok_or(Error::Bug { what: "parameters of Argon2id" })?;
    let envelope =
        AtRest::<Aes256Gcm>::derive(&root).seal(front.as_bytes(), &mut *body).map_err(bug)?;
    let (nonce, tag) = (hex(&envelope.nonce), hex(&envelope.tag));
    Ok(Zeroizing::new(format!("{front} {nonce} {} {tag}\n", hex(&*body))))
}

fn decrypt(bytes: &[u8], passphrase: &str) -> Result<(Origin, Secrets), KeyFileError> {
    let [origin, public, salt, nonce, body, tag] = parts(bytes, KEY_WORD)?;
    let digits = KeyFileError::Digits;
    let front = format!("{KEY_WORD} {origin} {public} {salt}");
    let salt: [u8; 16] = parse_hex(salt).ok_or(digits)?;
    let envelope =
        Envelope { nonce: parse_hex(nonce).ok_or(digits)?, tag: parse_hex(tag).ok_or(digits)? };
    let mut body = Zeroizing::new(parse_hex::<SECRET_BYTES>(body).ok_or(digits)?);
    let root = stretch(passphrase, &salt).ok_or(KeyFileError::Passphrase)?;
    let opened = AtRest::<Aes256Gcm>::derive(&root).open(front.as_bytes(), &mut *body, &envelope);
    opened.map_err(|_| KeyFileError::Passphrase)?;
    Ok((origin_of(origin).ok_or(KeyFileError::Line)?, Secrets(body)))
}

/// Argon2id over a passphrase.
pub(crate) fn stretch(passphrase: &str, salt: &[u8; 16]) -> Option<Secret<32>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).ok()?;
    let mut root = Secret::new([0; 32]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(passphrase.as_bytes(), salt, root.expose_mut()).ok()?;
    Some(root)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    Error::Write { path: Untrusted::from_path(path), reason: Untrusted::new(error.to_string()) }
}
