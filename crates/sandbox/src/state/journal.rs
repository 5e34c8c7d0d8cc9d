//! The journal: one JSON line per record, appended before the change is answered.
//!
//! A line handed to the operating system survives `kill -9` of the process; a last line cut short
//! is dropped when the file is read, since nothing was answered on its strength. Each start
//! rewrites the journal to the latest version of every record.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::Record;

/// Where records go; nowhere when the sandbox lives in memory.
#[derive(Debug, Default)]
pub struct Journal {
    file: Option<(File, PathBuf)>,
    pending: Vec<u8>,
    /// Held as long as the journal is written: two writers would tear each other's lines.
    _lock: Option<File>,
}

impl Journal {
    /// Opens the journal of a data directory and reads what it holds.
    pub fn open(data_dir: Option<&Path>) -> Result<(Self, Vec<Record>)> {
        let Some(dir) = data_dir else {
            return Ok((Self::default(), Vec::new()));
        };
        std::fs::create_dir_all(dir)
            .with_context(|| format!("{} cannot be made", dir.display()))?;
        let lock = lock(dir)?;
        let path = dir.join("journal.jsonl");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
        };
        // A whole line ends in a newline; what follows the last one was being written.
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let lines = bytes[..whole]
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty());
        let records = lines
            .map(serde_json::from_slice)
            .collect::<Result<Vec<Record>, _>>()
            .with_context(|| format!("{} is damaged", path.display()))?;
        let file = append_to(&path)?;
        file.set_len(whole as u64)?;
        let file = Some((file, path));
        Ok((
            Self {
                file,
                pending: Vec::new(),
                _lock: Some(lock),
            },
            records,
        ))
    }

    /// Replaces the whole journal by these records, in one step.
    pub fn compact(&mut self, records: &[Record]) -> Result<()> {
        let Some((_, path)) = &self.file else {
            return Ok(());
        };
        let path = path.clone();
        let draft = path.with_extension("draft");
        for record in records {
            self.append(record);
        }
        std::fs::write(&draft, &self.pending).context("the journal cannot be written")?;
        std::fs::rename(&draft, &path).context("the journal cannot be replaced")?;
        self.pending.clear();
        self.file = Some((append_to(&path)?, path));
        Ok(())
    }

    /// Lets the next sandbox have the directory. Whoever is still at work here writes nowhere.
    pub fn close(&mut self) {
        *self = Self::default();
    }

    pub fn append(&mut self, record: &Record) {
        if self.file.is_some() {
            serde_json::to_writer(&mut self.pending, record).expect("records are plain data");
            self.pending.push(b'\n');
        }
    }

    pub fn flush(&mut self) -> Result<()> {
        if let Some((file, _)) = &mut self.file
            && !self.pending.is_empty()
        {
            file.write_all(&self.pending)
                .context("the journal cannot be written")?;
            self.pending.clear();
        }
        Ok(())
    }
}

/// One process per data directory; the operating system lets go of the lock when it dies.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("journal.lock");
    let file = append_to(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            anyhow::bail!("{} is in use by another sandbox", dir.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

fn append_to(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("{} cannot be opened", path.display()))
}
