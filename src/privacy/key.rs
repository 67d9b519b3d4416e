//! The secret behind hashed pseudonyms.
//!
//! Owns the 32 bytes and how they are made and kept. They never stand in a log or a message.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use base16ct::lower::encode_string;
use sha2::{Digest, Sha256};

use super::PrivacyError;

/// 32 secret bytes, which key the hashes of pseudonyms.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A key from a seed, for strategies that do not rely on its secrecy: numbers and made-up
    /// values.
    pub fn of_seed(seed: u64) -> Self {
        Self(Sha256::digest(seed.to_le_bytes()).into())
    }

    /// Reads the key from a file, or draws one from the system and writes it there, readable by
    /// this user only.
    pub fn in_file(path: &Path) -> Result<Self, PrivacyError> {
        let bad = |reason: String| PrivacyError::Key { path: path.to_owned(), reason };
        match std::fs::File::open(path) {
            Ok(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(|e| bad(e.to_string()))?;
                let bytes = bytes.try_into().map_err(|_| {
                    bad("it does not hold 32 bytes\nhint: move it away to draw a new one; pseudonyms will be others".into())
                })?;
                Ok(Self(bytes))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Self::draw(path),
            Err(error) => Err(bad(error.to_string())),
        }
    }

    fn draw(path: &Path) -> Result<Self, PrivacyError> {
        let bad = |reason: String| PrivacyError::Key { path: path.to_owned(), reason };
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| bad(e.to_string()))?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| bad(e.to_string()))?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        match options.open(path) {
            Ok(mut file) => {
                file.write_all(&bytes)
                    .and_then(|()| file.sync_all())
                    .map_err(|e| bad(e.to_string()))?;
                Ok(Self(bytes))
            }
            // Another process was faster: its key is used.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::in_file(path),
            Err(error) => Err(bad(error.to_string())),
        }
    }

    /// An identifier that tells keys apart without giving them away.
    pub fn id(&self) -> String {
        let digest = Sha256::new().chain_update(b"persona key id").chain_update(self.0).finalize();
        encode_string(&digest[..8])
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn seed(&self) -> u64 {
        self.0[..8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }
}

/// Makes a new file readable and writable by its owner only.
#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/project.key");
        let drawn = Key::in_file(&path).unwrap();
        assert_eq!(drawn.id(), Key::in_file(&path).unwrap().id());
        assert_ne!(drawn.id(), Key::in_file(&folder.path().join("other.key")).unwrap().id());
        assert_eq!(format!("{drawn:?}"), "Key(…)");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(&path, "short").unwrap();
        assert!(Key::in_file(&path).unwrap_err().to_string().contains("32 bytes"));
    }

    #[test]
    fn a_key_that_cannot_be_read_is_not_drawn_again() {
        let folder = tempfile::tempdir().unwrap();
        let error = Key::in_file(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("cannot use the key for hashed pseudonyms in "), "{error}");
        // A key that another process wrote in the meantime is used.
        let path = folder.path().join("key");
        std::fs::write(&path, [7; 32]).unwrap();
        assert_eq!(Key::draw(&path).unwrap().bytes(), &[7; 32]);
    }

    #[test]
    fn a_seed_is_the_first_eight_bytes_of_a_key() {
        let key = Key(std::array::from_fn(|at| at as u8 + 1));
        assert_eq!(key.seed(), 0x0102_0304_0506_0708);
        assert_eq!(key.id().len(), 16);
        assert_eq!(Key::of_seed(1).bytes(), Key::of_seed(1).bytes());
        assert_ne!(Key::of_seed(1).bytes(), Key::of_seed(2).bytes());
    }
}
