//! A small double of SNS: enough of its query protocol for the SDK to publish, and every way in which
//! that goes wrong, as a test says.
//!
//! It checks nothing of a signature but whose key made it: `KEY`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The access key that the double takes.
pub const KEY: &str = "AKIAPIXWAVETEST";
pub const STANDARD: &str = "arn:aws:sns:sa-east-1:123456789012:pixwave";
pub const FIFO: &str = "arn:aws:sns:sa-east-1:123456789012:pixwave.fifo";

/// What happens to one call that publishes.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Entries in this map fail with the code, by the sender's fault or not; the others are published.
    Entries(BTreeMap<usize, (&'static str, bool)>),
    /// The whole call fails: status, code, message.
    Refused(u16, &'static str, &'static str),
    /// The connection is cut, before or after everything was published.
    Cut { published: bool },
    /// An answer comes that is no XML.
    Garbled,
}

impl Fate {
    pub fn good() -> Fate {
        Fate::Entries(BTreeMap::new())
    }
}

/// An entry as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub message: String,
    pub group: Option<String>,
    pub deduplication: Option<String>,
    /// Name to type and value.
    pub attributes: BTreeMap<String, (String, String)>,
}

type Judge = Box<dyn FnMut(&[Entry]) -> Fate + Send>;

struct State {
    judge: Judge,
    published: Vec<Entry>,
    known: BTreeSet<String>,
    calls: usize,
}

/// A running double; it ends with its owner.
pub struct Sns {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Sns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sns {
    /// Publishes everything until told otherwise.
    pub async fn start() -> Sns {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let state = Arc::new(Mutex::new(State {
            judge: Box::new(|_| Fate::good()),
            published: Vec::new(),
            known: BTreeSet::new(),
            calls: 0,
        }));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(converse(socket, shared.clone()));
            }
        });
        Sns { url, state, task }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// From now on each call that publishes is judged by this.
    pub fn behave(&self, judge: impl FnMut(&[Entry]) -> Fate + Send + 'static) {
        self.lock().judge = Box::new(judge);
    }

    /// What was published, in order; on a FIFO topic each deduplication id once.
    pub fn published(&self) -> Vec<Entry> {
        self.lock().published.clone()
    }

    /// Calls that were to publish.
    pub fn calls(&self) -> usize {
        self.lock().calls
    }
}

async fn converse(mut socket: TcpStream, state: Arc<Mutex<State>>) {
    while let Some((head, body)) = request(&mut socket).await {
        let Some(answer) = answer(&head, &body, &state) else {
            return;
        };
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(socket: &mut TcpStream) -> Option<(String, String)> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    let length: usize = length.unwrap_or("0").trim().parse().ok()?;
    while read.len() < end + length {
        if socket.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&read[end..end + length]).into_owned();
    Some((head, body))
}

/// The answer, `None` to cut the connection.
fn answer(head: &str, body: &str, state: &Mutex<State>) -> Option<String> {
    let fields = fields(body);
    let of = |name: &str| fields.get(name).map(String::as_str);
    if !head.contains(&format!("Credential={KEY}/")) {
        return Some(refused(
            403,
            "InvalidClientTokenId",
            "The security token is invalid.",
        ));
    }
    if !matches!(of("TopicArn"), Some(STANDARD | FIFO)) {
        return Some(refused(404, "NotFound", "Topic does not exist"));
    }
    if of("Action") == Some("GetTopicAttributes") {
        let entry = "<entry><key>SubscriptionsConfirmed</key><value>2</value></entry>";
        let result = format!("<Attributes>{entry}</Attributes>");
        return Some(done("GetTopicAttributes", &result));
    }
    let entries = entries(&fields);
    let mut state = state.lock().expect("no holder panics");
    state.calls += 1;
    let fate = (state.judge)(&entries);
    match fate {
        Fate::Refused(status, code, message) => Some(refused(status, code, message)),
        Fate::Garbled => Some(http(200, "<html>")),
        Fate::Cut { published } => {
            if published {
                entries.into_iter().for_each(|entry| state.publish(entry));
            }
            None
        }
        Fate::Entries(failing) => {
            let (mut successful, mut failed) = (String::new(), String::new());
            for (nth, entry) in entries.into_iter().enumerate() {
                match failing.get(&nth) {
                    None => {
                        state.publish(entry);
                        successful += &format!(
                            "<member><Id>{nth}</Id><MessageId>m-{nth}</MessageId></member>"
                        );
                    }
                    Some((code, fault)) => {
                        failed += &format!(
                            "<member><Id>{nth}</Id><Code>{code}</Code><SenderFault>{fault}</SenderFault></member>"
                        );
                    }
                }
            }
            let result = format!("<Successful>{successful}</Successful><Failed>{failed}</Failed>");
            Some(done("PublishBatch", &result))
        }
    }
}

impl State {
    fn publish(&mut self, entry: Entry) {
        let is_new = match &entry.deduplication {
            Some(id) => self.known.insert(id.clone()),
            None => true,
        };
        if is_new {
            self.published.push(entry);
        }
    }
}

fn done(action: &str, result: &str) -> String {
    http(
        200,
        &format!(
            "<{action}Response xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
             <{action}Result>{result}</{action}Result>\
             <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
        ),
    )
}

fn refused(status: u16, code: &str, message: &str) -> String {
    http(
        status,
        &format!(
            "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        ),
    )
}

fn http(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Answer\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn entries(fields: &BTreeMap<String, String>) -> Vec<Entry> {
    let of = |nth: usize, name: &str| {
        let name = format!("PublishBatchRequestEntries.member.{nth}.{name}");
        fields.get(&name).cloned()
    };
    let entry = |nth: usize| {
        let mut entry = Entry {
            message: of(nth, "Message")?,
            group: of(nth, "MessageGroupId"),
            deduplication: of(nth, "MessageDeduplicationId"),
            attributes: BTreeMap::new(),
        };
        for place in 1.. {
            let part = |part: &str| of(nth, &format!("MessageAttributes.entry.{place}.{part}"));
            let Some(name) = part("Name") else {
                break;
            };
            let value = (part("Value.DataType")?, part("Value.StringValue")?);
            entry.attributes.insert(name, value);
        }
        Some(entry)
    };
    (1..).map_while(entry).collect()
}

fn fields(body: &str) -> BTreeMap<String, String> {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let digits = std::str::from_utf8(&digits).unwrap_or("00");
                u8::from_str_radix(digits, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
