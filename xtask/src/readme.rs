//! The README's commands, run as a reader would run them.
//!
//! Every block fenced as `sh` is run, in order. `cargo run` alone is the server: it is started in a
//! temporary folder on a free port and stays up for the blocks after it. `cargo run -- …` is run to
//! its end. All others are bash, share their variables and functions, and find the server in `PIXWAVE_URL`.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{Guarded, command, new_folder, run};
use crate::report::Counts;

const START_LIMIT: Duration = Duration::from_secs(30);
/// How long one block may take, in seconds, as `timeout` wants it.
const BLOCK_LIMIT: &str = "180";
const ANNOUNCEMENT: &str = "listening on ";

/// A fenced block and the line of its fence, counted from 1.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    line: usize,
    text: String,
}

/// What a block asks for.
#[derive(Debug, PartialEq, Eq)]
enum Kind<'a> {
    Server,
    Program(Vec<&'a str>),
    Shell,
}

/// Runs the blocks against the built program; one check per block, notes for those that failed.
pub fn run_blocks(readme: &str, program: &Path) -> Result<(Counts, Vec<String>)> {
    let blocks = blocks(readme)?;
    ensure!(!blocks.is_empty(), "the README has no block marked sh");
    let mut reader = Reader {
        program: program.to_path_buf(),
        server: None,
        variables: Variables::new()?,
    };
    let (mut counts, mut notes) = (Counts::default(), Vec::new());
    for block in &blocks {
        println!("README line {}:\n{}", block.line, block.text.trim_end());
        match reader.run(block) {
            Ok(()) => counts += Counts::PASSED,
            Err(error) => {
                counts += Counts::FAILED;
                notes.push(format!(
                    "FAILED: the block at line {}: {error:#}",
                    block.line
                ));
            }
        }
    }
    Ok((counts, notes))
}

/// The blocks fenced as `sh`; a block that is never closed is an error.
fn blocks(text: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, Block)> = None;
    for (index, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(language)) => {
                open = Some((
                    language.trim().to_owned(),
                    Block {
                        line: index + 1,
                        text: String::new(),
                    },
                ));
            }
            (Some(_), Some("")) => {
                if let Some((language, block)) = open.take()
                    && language == "sh"
                {
                    blocks.push(block);
                }
            }
            (Some((_, block)), _) => writeln!(block.text, "{line}")?,
            (None, None) => {}
        }
    }
    if let Some((_, block)) = open {
        bail!(
            "the block at line {} of the README is not closed",
            block.line
        );
    }
    Ok(blocks)
}

fn kind(block: &Block) -> Kind<'_> {
    let mut lines = block
        .text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (first, more) = (lines.next().unwrap_or_default(), lines.next());
    if more.is_some() {
        return Kind::Shell;
    }
    match first.strip_prefix("cargo run") {
        Some("") => Kind::Server,
        Some(rest) => match rest.strip_prefix(" -- ") {
            Some(arguments) => Kind::Program(
                arguments
                    .split_whitespace()
                    .take_while(|word| *word != "#")
                    .collect(),
            ),
            None => Kind::Shell,
        },
        None => Kind::Shell,
    }
}

struct Reader {
    program: PathBuf,
    server: Option<Server>,
    variables: Variables,
}

impl Reader {
    fn run(&mut self, block: &Block) -> Result<()> {
        match kind(block) {
            Kind::Server => {
                self.server = None;
                self.server = Some(Server::start(&self.program)?);
                Ok(())
            }
            Kind::Program(arguments) => {
                let folder = Folder::new("readme-program")?;
                let mut program = command("timeout");
                program
                    .arg(BLOCK_LIMIT)
                    .arg(&self.program)
                    .args(arguments)
                    .current_dir(&folder.0);
                succeeds(&mut program)
            }
            Kind::Shell => self.shell(block),
        }
    }

    fn shell(&self, block: &Block) -> Result<()> {
        let script = format!(
            "set -euo pipefail -o allexport\n[ ! -f \"$READER_STATE\" ] || . \"$READER_STATE\"\n{}\n{{ export -p; declare -f; }} > \"$READER_STATE\"\n",
            block.text
        );
        let mut shell = command("timeout");
        shell
            .args([BLOCK_LIMIT, "bash", "-c", &script])
            .current_dir(&self.variables.0.0);
        shell.env("READER_STATE", self.variables.0.0.join("state"));
        if let Some(server) = &self.server {
            shell.env("PIXWAVE_URL", &server.url);
        }
        succeeds(&mut shell)
    }
}

fn succeeds(command: &mut std::process::Command) -> Result<()> {
    ensure!(run(command)?.success, "it did not exit with 0");
    Ok(())
}

/// The folder in which shell blocks run and hand their variables on.
struct Variables(Folder);

impl Variables {
    fn new() -> Result<Self> {
        Ok(Self(Folder::new("readme")?))
    }
}

/// A folder that goes with its value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self> {
        Ok(Self(new_folder(&std::env::temp_dir(), name)?))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program, started as the README says but for its port and folder.
struct Server {
    _server: Guarded,
    url: String,
}

impl Server {
    fn start(program: &Path) -> Result<Self> {
        let folder = new_folder(&std::env::temp_dir(), "readme-server")?;
        let mut serve = command(program);
        serve.env("HTTP_PORT", "0").current_dir(&folder);
        let mut server = Guarded::start(&serve, &folder)?;
        let output = server.take_stdout().context("standard output is a pipe")?;
        let (sender, receiver) = mpsc::channel();
        // Reads to the end, so that the server never waits for room in the pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                println!("server: {line}");
                if let Some(url) = announced_url(&line) {
                    let _ = sender.send(url);
                }
            }
        });
        match receiver.recv_timeout(START_LIMIT) {
            Ok(url) => Ok(Self {
                _server: server,
                url,
            }),
            Err(_) => bail!(
                "the server did not say \"{ANNOUNCEMENT}http://…\":\n{}",
                server.log()
            ),
        }
    }
}

fn announced_url(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(ANNOUNCEMENT)?;
    let url = rest.split_whitespace().next()?;
    url.starts_with("http://")
        .then(|| url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Block, Kind, announced_url, blocks, kind, run_blocks};
    use crate::report::Counts;
    use std::path::Path;

    fn block(text: &str) -> Block {
        Block {
            line: 1,
            text: text.to_owned(),
        }
    }

    #[test]
    fn only_blocks_marked_sh_are_taken() {
        let text = "# A\n```sh\none\ntwo\n```\n```console\n$ three\n```\n```\nfour\n```\n  ```sh\n  five\n  ```\n";
        let expected = [
            Block {
                line: 2,
                text: "one\ntwo\n".to_owned(),
            },
            Block {
                line: 12,
                text: "  five\n".to_owned(),
            },
        ];
        assert_eq!(blocks(text).expect("all are closed"), expected);
    }

    #[test]
    fn an_open_block_is_an_error() {
        assert!(blocks("```sh\none\n").is_err());
        assert!(run_blocks("no block at all", Path::new("true")).is_err());
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!(kind(&block("cargo run\n")), Kind::Server);
        assert_eq!(
            kind(&block("# the tour\ncargo run -- demo   # exits 0\n")),
            Kind::Program(vec!["demo"])
        );
        assert_eq!(kind(&block("cargo run --release\n")), Kind::Shell);
        assert_eq!(kind(&block("curl x\n")), Kind::Shell);
        assert_eq!(kind(&block("cargo run\ncurl x\n")), Kind::Shell);
    }

    #[test]
    fn the_address_is_read_from_the_announcement() {
        let line = "PixWave 0.1.0 listening on http://127.0.0.1:4711/ (embedded)";
        assert_eq!(
            announced_url(line).as_deref(),
            Some("http://127.0.0.1:4711")
        );
        assert_eq!(announced_url("listening on a port"), None);
    }

    #[test]
    fn blocks_share_variables_and_every_failure_is_counted() {
        let readme = "```sh\nname=\"a b\"; get() { echo \"$@\"; }\n```\n```sh\ntest \"$(get \"$name\")\" = \"a b\"\n```\n```sh\nfalse\n```\n```sh\necho $unset_name\n```\n";
        let (counts, notes) = run_blocks(readme, Path::new("true")).expect("it runs");
        assert_eq!(
            counts,
            Counts {
                passed: 2,
                failed: 2,
                skipped: 0
            }
        );
        assert!(notes[0].contains("line 7"), "{notes:?}");
    }

    #[test]
    fn the_server_is_up_for_the_blocks_after_it_and_gets_a_port_of_its_own() {
        let folder = crate::process::new_folder(&std::env::temp_dir(), "fake").expect("a folder");
        let program = folder.join("program");
        let script = "#!/bin/sh\n[ \"${1:-}\" = demo ] && exit 0\n[ \"$HTTP_PORT\" = 0 ] || exit 1\n\
                      echo listening on http://127.0.0.1:1\nexec sleep 600\n";
        std::fs::write(&program, script).expect("a script");
        let mut mode = std::fs::metadata(&program).expect("its mode").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
        std::fs::set_permissions(&program, mode).expect("it may be run");
        let readme = "```sh\ncargo run\n```\n```sh\ntest $PIXWAVE_URL = http://127.0.0.1:1\n```\n```sh\ncargo run -- demo\n```\n";
        let (counts, notes) = run_blocks(readme, &program).expect("it runs");
        std::fs::remove_dir_all(&folder).expect("it goes");
        assert_eq!(
            counts,
            Counts {
                passed: 3,
                failed: 0,
                skipped: 0
            },
            "{notes:?}"
        );
    }
}
