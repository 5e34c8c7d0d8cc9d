//! What tests of this program share: a folder of their own and a configuration that lives in it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::config::Config;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder that goes with its owner.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pixwave-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind is only untidy.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The embedded mode in this folder on free ports, with these variables beside.
pub fn config(folder: &Folder, variables: &[(&str, &str)]) -> Config {
    let database = folder.path().join("pixwave.db").display().to_string();
    let lookup = |name: &str| {
        let given = variables.iter().find(|(given, _)| *given == name);
        match (given, name) {
            (Some((_, value)), _) => Some((*value).to_owned()),
            (None, "DB_DATABASE") => Some(database.clone()),
            (None, "HTTP_PORT") => Some("0".to_owned()),
            (None, _) => None,
        }
    };
    Config::read(&lookup).expect("the test's variables are right")
}
