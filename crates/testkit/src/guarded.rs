//! Servers of a test's own, which never outlive it.
//!
//! A server runs under a small shell that holds the reading end of a pipe from us. However we end,
//! the pipe closes and the shell kills the server by its process id; a line in the pipe is a signal
//! for it.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};

const GUARD: &str = r#"
"$@" </dev/null &
server=$!
while read -r signal; do kill -s "$signal" $server; done
kill -KILL $server 2>/dev/null
wait $server
"#;

/// A server that runs.
pub struct Guarded {
    guard: Child,
    pipe: ChildStdin,
}

impl Guarded {
    /// Starts a program; its output is nobody's.
    ///
    /// # Panics
    /// When there is no shell.
    pub fn start(program: &str, arguments: &[String]) -> Guarded {
        let mut guard = Command::new("sh");
        guard
            .args(["-c", GUARD, "guard", program])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut guard = guard.spawn().expect("sh runs");
        let pipe = guard.stdin.take().expect("standard input is a pipe");
        Guarded { guard, pipe }
    }

    /// Sends it a signal, such as `TERM`.
    ///
    /// # Panics
    /// When its guard is gone.
    pub fn signal(&mut self, name: &str) {
        writeln!(self.pipe, "{name}").expect("the guard reads");
        self.pipe.flush().expect("the guard reads");
    }

    /// Kills it (`SIGKILL`) and waits until it is gone.
    pub fn kill(mut self) {
        drop(self.pipe);
        // The shell always ends; its exit code says nothing.
        let _ended = self.guard.wait();
    }
}
