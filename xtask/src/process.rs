//! Running other programs: their output shown and kept, their environment clean, and nothing of
//! theirs left running.
//!
//! A server that a suite needs runs under a small shell that holds the reading end of a pipe from
//! us. However we end (return, panic, Ctrl-C, kill), the pipe closes; the shell then stops the
//! server, waits for it and removes its folder. That needs no signal handler here.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Settings of the product that a developer may have set for real: no test sees them, so that no
/// test can reach a real gateway, database or topic.
const PRODUCT_SETTINGS: &[&str] = &[
    "MERCADOPAGO_",
    "GERENCIANET_",
    "SANDBOX_",
    "SNS_",
    "SQS_",
    "AWS_",
    "DB_",
    "HTTP_",
    "LOGSTASH_",
    "PRIMARY_GATEWAY",
    "DATABASE_URL",
    "REDIS_URL",
    "APP_KEY",
    "PUBLIC_URL",
    "DISPATCH_EPOCH",
    "IN_DOUBT_DEADLINE",
    "MAX_IN_DOUBT_CENTS",
    "FLOAT_WAIT",
];

/// Folders of system programs that an ordinary user's search path may lack.
const SYSTEM_FOLDERS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// The repository's root. Cargo tells it when it runs us; the place where we were compiled may be
/// another clone that shares the target folder.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
    let manifest =
        manifest.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = manifest.parent();
    root.expect("xtask is one level below the root")
        .to_path_buf()
}

/// A program to be run at the root, without the product's settings.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if PRODUCT_SETTINGS
            .iter()
            .any(|setting| text.starts_with(setting))
        {
            command.env_remove(&name);
        }
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{path}:{SYSTEM_FOLDERS}"))
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// cargo, as a program to be run: no incremental files, plain output.
pub fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = command(cargo);
    command
        .args(arguments)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TERM_COLOR", "never");
    command
}

/// What a program printed on both streams, and whether it exited with 0.
pub struct Output {
    pub text: String,
    pub success: bool,
}

/// Runs a program to its end, showing what it prints while it prints it.
pub fn run(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} cannot be run"))?;
    let stdout = child.stdout.take().context("standard output is a pipe")?;
    let stderr = child.stderr.take().context("standard error is a pipe")?;
    let errors = std::thread::spawn(move || echo(stderr, std::io::stderr()));
    let mut text = echo(stdout, std::io::stdout());
    text += &errors
        .join()
        .map_err(|_| anyhow::anyhow!("the reader of {name} panicked"))?;
    let success = child.wait()?.success();
    Ok(Output { text, success })
}

/// Runs a program to its end and hands back its standard output; anything but exit code 0 is an error.
pub fn capture(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{name} cannot be run"))?;
    ensure!(output.status.success(), "{name} failed: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn echo(from: impl Read, mut to: impl Write) -> String {
    let mut text = String::new();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|length| length > 0)
    {
        // Nobody may be reading our own output any more; the run goes on to its verdict.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        text += &String::from_utf8_lossy(&line);
        line.clear();
    }
    text
}

/// Waits for the pipe to close, then stops the server and removes its folder.
const GUARD: &str = r#"
folder=$1; shift
trap : INT TERM HUP
"$@" </dev/null &
server=$!
exec >/dev/null 2>&1
cat
kill -TERM 0
( tries=0; while [ $tries -lt 100 ] && kill -0 $server; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL $server ) &
wait $server
rm -rf "$folder"
"#;

/// A server that stops, and whose folder goes, when this value or this process ends.
pub struct Guarded {
    guard: Child,
    pipe: Option<ChildStdin>,
    folder: PathBuf,
}

impl Guarded {
    /// Starts a server with its own folder, which must exist and is removed at the end. Its standard
    /// error goes to the file `log` in that folder.
    pub fn start(server: &Command, folder: &Path) -> Result<Self> {
        let log = std::fs::File::create(folder.join("log"))?;
        let mut guard = command("sh");
        guard
            .args(["-c", GUARD, "guard"])
            .arg(folder)
            .arg(server.get_program())
            .args(server.get_args());
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => guard.env(name, value),
                None => guard.env_remove(name),
            };
        }
        if let Some(directory) = server.get_current_dir() {
            guard.current_dir(directory);
        }
        let mut guard = guard
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("sh cannot be run")?;
        let pipe = guard.stdin.take();
        Ok(Self {
            guard,
            pipe,
            folder: folder.to_path_buf(),
        })
    }

    /// The server's standard output, once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.guard.stdout.take()
    }

    /// What the server wrote to its standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // The guard always ends; its exit code says nothing.
        let _ = self.guard.wait();
    }
}

/// A new folder of our own below `parent`.
pub fn new_folder(parent: &Path, name: &str) -> Result<PathBuf> {
    let mut number = 0;
    loop {
        let folder = parent.join(format!("pixwave-{name}-{}-{number}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be made", folder.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Guarded, command, new_folder, run};
    use std::io::{BufRead, BufReader};
    use std::path::Path;

    #[test]
    fn both_streams_are_kept_and_the_exit_code_is_told() {
        let good = run(command("sh").args(["-c", "echo out; echo err >&2"])).expect("sh runs");
        assert!(good.success && good.text.contains("out\n") && good.text.contains("err\n"));
        assert!(
            !run(command("sh").args(["-c", "exit 3"]))
                .expect("sh runs")
                .success
        );
        assert!(run(&mut command("no-such-program-here")).is_err());
    }

    #[test]
    fn a_guarded_server_stops_and_its_folder_goes() {
        let folder = new_folder(&std::env::temp_dir(), "guard").expect("a folder");
        let mut server = command("sh");
        server.args(["-c", "echo $$; exec sleep 600"]);
        let mut guarded = Guarded::start(&server, &folder).expect("it starts");
        let mut line = String::new();
        let mut output = BufReader::new(guarded.take_stdout().expect("standard output"));
        output
            .read_line(&mut line)
            .expect("the server prints its id");
        let process = Path::new("/proc").join(line.trim());
        assert!(process.exists() && folder.exists());
        drop(guarded);
        assert!(!process.exists() && !folder.exists());
    }
}
