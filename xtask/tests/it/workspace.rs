//! What the walls read: the repository's tracked files and cargo's own view of the crates.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A tracked text file, its path relative to the repository's root.
pub struct TextFile {
    pub path: String,
    pub text: String,
}

impl TextFile {
    /// The crate the file belongs to: `crates/store/src/lib.rs` is `store`'s.
    pub fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether this is product source: `crates/*/src/**/*.rs`.
    pub fn is_crate_source(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.next() == Some("crates") && parts.nth(1) == Some("src") && self.is_rust()
    }
}

/// The repository's root. Cargo tells it when it runs the tests; the place where they were compiled
/// may be another clone that shares the target folder.
pub fn root() -> PathBuf {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo tells where the manifest is");
    let root = Path::new(&manifest).parent();
    root.expect("xtask is one level below the root")
        .to_path_buf()
}

/// Standard output of a program run at the root; a failure fails the test with its standard error.
pub fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot run: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

/// Paths of all files in version control that still exist, relative to the root.
pub fn tracked_paths() -> Vec<String> {
    output_of("git", &["ls-files", "-z"])
        .split('\0')
        .filter(|path| !path.is_empty() && root().join(path).is_file())
        .map(str::to_owned)
        .collect()
}

/// All tracked files that are text.
pub fn text_files() -> Vec<TextFile> {
    tracked_paths()
        .into_iter()
        .filter_map(|path| {
            let text = String::from_utf8(std::fs::read(root().join(&path)).ok()?).ok()?;
            Some(TextFile { path, text })
        })
        .collect()
}

/// The path of cargo itself, as given by the cargo that runs the tests.
pub fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
