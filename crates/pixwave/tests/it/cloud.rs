//! A topic with its queues, played by a private moto, and a way to it that can be shut.

use serde_json::Value;
use testkit::moto::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub const REGION: &str = "sa-east-1";
pub const ACCOUNT: &str = "123456789012";

/// A way to the server that can be shut: a request under way is cut off, a new one gets no answer.
pub struct Gate {
    pub url: String,
    is_open: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gate {
    pub async fn before(server: &Server) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let behind = server.url().trim_start_matches("http://").to_owned();
        let (is_open, watched) = watch::channel(true);
        let task = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (behind, mut watched) = (behind.clone(), watched.clone());
                tokio::spawn(async move {
                    let through = async {
                        let mut other = TcpStream::connect(behind).await?;
                        tokio::io::copy_bidirectional(&mut socket, &mut other).await
                    };
                    tokio::select! {
                        biased;
                        _ = watched.wait_for(|is_open| !is_open) => {}
                        _ = through => {}
                    }
                });
            }
        });
        Gate { url, is_open, task }
    }

    pub fn shut(&self) {
        self.is_open.send_replace(false);
    }

    pub fn open(&self) {
        self.is_open.send_replace(true);
    }
}

/// A topic, and queues that are subscribed to it.
#[derive(Clone)]
pub struct Cloud {
    server: String,
    /// How the program reaches it.
    pub endpoint: String,
    http: reqwest::Client,
    pub topic: String,
    /// Where tests look for what was published.
    pub queue: String,
}

impl Cloud {
    pub fn new(server: &Server, is_ordered: bool) -> Cloud {
        let end = if is_ordered { ".fifo" } else { "" };
        Cloud {
            server: server.url(),
            endpoint: server.url(),
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
            topic: format!("arn:aws:sns:{REGION}:{ACCOUNT}:pixwave{end}"),
            queue: format!("monitor{end}"),
        }
    }

    /// Calls the query protocol of a service.
    pub async fn ask(&self, service: &str, fields: &[(&str, &str)]) -> String {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let scope = format!("Credential=test/20260101/{REGION}/{service}/aws4_request");
        let asked = self
            .http
            .post(&self.server)
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"),
            )
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = asked.send().await.expect("moto answers");
        let status = answer.status();
        let text = answer.text().await.expect("a text");
        assert!(status.is_success(), "{fields:?}: {text}");
        text
    }

    fn name(&self) -> &str {
        self.topic.rsplit(':').next().expect("a name")
    }

    pub fn url_of(&self, queue: &str) -> String {
        format!("{}/{ACCOUNT}/{queue}", self.server)
    }

    pub async fn make_queue(&self, name: &str, more: &[(&str, &str)]) {
        let mut fields = vec![("Action", "CreateQueue"), ("QueueName", name)];
        let mut attributes = more.to_vec();
        if name.ends_with(".fifo") {
            attributes.push(("FifoQueue", "true"));
        }
        let numbered: Vec<(String, &str)> = attributes
            .iter()
            .enumerate()
            .flat_map(|(nth, (name, value))| {
                let place = format!("Attribute.{}", nth + 1);
                [
                    (format!("{place}.Name"), *name),
                    (format!("{place}.Value"), *value),
                ]
            })
            .collect();
        fields.extend(numbered.iter().map(|(name, value)| (name.as_str(), *value)));
        self.ask("sqs", &fields).await;
    }

    /// The topic, the queue and the subscription between them.
    pub async fn make(&self, is_raw: bool, queue: &[(&str, &str)]) {
        let mut topic = vec![("Action", "CreateTopic"), ("Name", self.name())];
        if self.name().ends_with(".fifo") {
            topic.extend([
                ("Attributes.entry.1.key", "FifoTopic"),
                ("Attributes.entry.1.value", "true"),
            ]);
        }
        self.ask("sns", &topic).await;
        self.make_subscribed(&self.queue, is_raw, queue).await;
    }

    /// A queue that gets what the topic takes.
    pub async fn make_subscribed(&self, queue: &str, is_raw: bool, attributes: &[(&str, &str)]) {
        self.make_queue(queue, attributes).await;
        let endpoint = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}");
        let mut subscription = vec![
            ("Action", "Subscribe"),
            ("TopicArn", &self.topic),
            ("Protocol", "sqs"),
            ("Endpoint", &endpoint),
        ];
        if is_raw {
            subscription.extend([
                ("Attributes.entry.1.key", "RawMessageDelivery"),
                ("Attributes.entry.1.value", "true"),
            ]);
        }
        self.ask("sns", &subscription).await;
    }

    /// Takes what is in a queue now: bodies, in order.
    pub async fn take(&self, queue: &str) -> Vec<String> {
        let url = self.url_of(queue);
        let receive = [
            ("Action", "ReceiveMessage"),
            ("QueueUrl", &*url),
            ("MaxNumberOfMessages", "10"),
        ];
        let answer = self.ask("sqs", &receive).await;
        let (mut bodies, mut receipts) = (Vec::new(), Vec::new());
        for (nth, message) in answer.split("<Message>").skip(1).enumerate() {
            bodies.push(unescaped(between(message, "Body")));
            let place = format!("DeleteMessageBatchRequestEntry.{}", nth + 1);
            let receipt = unescaped(between(message, "ReceiptHandle"));
            receipts.push((format!("{place}.Id"), nth.to_string()));
            receipts.push((format!("{place}.ReceiptHandle"), receipt));
        }
        if !receipts.is_empty() {
            let mut remove = vec![("Action", "DeleteMessageBatch"), ("QueueUrl", &*url)];
            remove.extend(receipts.iter().map(|(name, value)| (&**name, &**value)));
            self.ask("sqs", &remove).await;
        }
        bodies
    }
}

fn between<'a>(text: &'a str, tag: &str) -> &'a str {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let from = text.find(&open).map_or(0, |at| at + open.len());
    let to = text[from..].find(&close).map_or(text.len(), |at| from + at);
    &text[from..to]
}

fn unescaped(text: &str) -> String {
    let text = text
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'");
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// The event in a message, raw or wrapped.
pub fn event(body: &str) -> Value {
    let outer: Value = serde_json::from_str(body).expect("JSON");
    match outer["Message"].as_str() {
        Some(message) => serde_json::from_str(message).expect("JSON inside"),
        None => outer,
    }
}
