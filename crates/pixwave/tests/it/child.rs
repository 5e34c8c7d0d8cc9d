//! The real executable as a process of its own, to be killed, stopped and asked.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use testkit::wait_until;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A start, a stop or a command takes no longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A server in a process of its own; it is killed when dropped.
pub struct ServerProcess {
    child: Child,
    pub url: String,
    /// E-mail and password of an operator, when it names one.
    pub operator: Option<(String, String)>,
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The executable in this folder, with no environment but these variables.
pub fn pixwave(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pixwave"));
    command
        .env_clear()
        .env("HTTP_PORT", "0")
        .env("GATEWAY_TIMEOUT", "2s")
        .env("GATEWAY_CONNECT_TIMEOUT", "1s")
        .env("LIMIT_PER_NIGHT_CENTS", "10000000")
        .env("LIMIT_PER_DAY_CENTS", "10000000")
        .envs(variables.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
pub async fn run(mut command: Command) -> Output {
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = timeout(LIMIT, running).await.expect("it ends in time");
    output.expect("it does not panic").expect("it starts")
}

/// The same with a line on its standard input.
pub async fn typed(mut command: Command, line: &str) -> Output {
    let line = format!("{line}\n");
    command.stdin(Stdio::piped());
    let running = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("it starts");
        let mut input = child.stdin.take().expect("a pipe");
        // A command that refuses its arguments reads nothing.
        let _unread = input.write_all(line.as_bytes());
        drop(input);
        child.wait_with_output().expect("it ends")
    });
    let output = timeout(LIMIT, running).await.expect("it ends in time");
    output.expect("it does not panic")
}

/// `pixwave COMMAND WORDS…` in a folder beside the server at this port, with a line on its standard
/// input.
pub async fn operate(folder: &Path, port: &str, words: &[&str], line: &str) -> Output {
    let mut command = pixwave(folder, &[("HTTP_PORT", port)]);
    command.args(words);
    typed(command, line).await
}

/// Makes the embedded mode's people: a customer and two operators, each as kind, e-mail, password.
pub async fn seeded(folder: &Path) -> [Vec<String>; 3] {
    let mut seed = pixwave(folder, &[]);
    seed.arg("seed");
    let told = stdout(&run(seed).await);
    let words =
        |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    let people = told.lines().map(words).filter(|words| words.len() == 3);
    let people: Vec<Vec<String>> = people.collect();
    let three = people.try_into();
    three.unwrap_or_else(|_| panic!("a customer and two operators: {told}"))
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl ServerProcess {
    /// Everything in one process; returns when it serves.
    pub async fn start(folder: &Path, variables: &[(&str, &str)]) -> ServerProcess {
        ServerProcess::role(folder, &[], variables).await
    }

    /// A command that is not waited for.
    pub fn spawn(mut command: Command) -> ServerProcess {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        ServerProcess {
            child: command.spawn().expect("the executable starts"),
            url: String::new(),
            operator: None,
        }
    }

    /// What these words of the command line start; returns when it serves.
    pub async fn role(folder: &Path, words: &[&str], variables: &[(&str, &str)]) -> ServerProcess {
        let mut command = pixwave(folder, variables);
        command.args(words);
        ServerProcess::serving(command).await
    }

    /// Everything, where no file can grow past so many blocks of 512 bytes: a disk that is full.
    pub async fn cramped(folder: &Path, blocks: u32) -> ServerProcess {
        let roomy = pixwave(folder, &[]);
        let mut command = Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\"");
        command.arg("-c").arg(script).arg(roomy.get_program());
        command.env_clear().current_dir(folder);
        for (name, value) in roomy.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        ServerProcess::serving(command).await
    }

    async fn serving(mut command: Command) -> ServerProcess {
        // Its log would only mix with the test's own output.
        command.stderr(Stdio::null());
        let mut child = command.spawn().expect("the executable starts");
        let out = child.stdout.take().expect("a pipe");
        let (lines, mut said) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _unheard = lines.send(line);
            }
        });
        let (mut url, mut operator) = (None, None);
        let listen = async {
            while let Some(line) = said.recv().await {
                if let Some(found) = line.strip_prefix("listening on ") {
                    url = Some(found.to_owned());
                    return;
                }
                let words: Vec<&str> = line.split_whitespace().collect();
                if let ["operator", email, password] = words[..] {
                    operator = Some((email.to_owned(), password.to_owned()));
                }
            }
        };
        timeout(LIMIT, listen).await.expect("it serves in time");
        ServerProcess {
            url: url.unwrap_or_else(|| panic!("it ended: {:?}", child.try_wait())),
            operator,
            child,
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid])
            .status();
        assert!(sent.expect("a shell").success(), "{name} was not sent");
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut found = None;
        wait_until("the end of the process", LIMIT, || {
            found = found.or(self.child.try_wait().expect("it can be asked"));
            let found = found;
            async move { found }
        })
        .await
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
