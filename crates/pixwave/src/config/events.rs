//! Where events go besides the stream and webhooks: a topic of SNS, and a queue of SQS for programs
//! of ours.

use app::publishing::PublishingSettings;
use platform::aws::{AwsAccess, AwsKeys, QueueAddress, TopicAddress};
use secrecy::SecretString;
use url::Url;

use super::parse;
use super::variables::{NOT_SET, Variables};

const ARN: &str = "a topic such as arn:aws:sns:sa-east-1:123456789012:pixwave (ending in .fifo for an ordered one)";
const ENDPOINT: &str = "an address such as https://sns.sa-east-1.amazonaws.com, without a path";
const QUEUE: &str = "a queue such as https://sqs.sa-east-1.amazonaws.com/123456789012/pixwave";
const REGION: &str = "a region of AWS such as sa-east-1";
const BUILT_WITHOUT: &str = "nothing: this program was built without the feature aws";

/// Where events go and come from.
#[derive(Clone, Debug)]
pub struct Events {
    /// `None`: events are not published to a topic.
    pub topic: Option<TopicAddress>,
    /// `None`: the monitor reads the database's stream.
    pub queue: Option<QueueAddress>,
    pub publishing: PublishingSettings,
}

/// `public_url` names this installation in what is published.
pub(super) fn read(variables: &Variables<'_>, public_url: Option<&str>) -> Events {
    let keys = keys(variables);
    let region = variables.parsed("AWS_REGION", REGION, region);
    let arn = variables.parsed("SNS_TOPIC_ARN", ARN, |text| {
        TopicAddress::region_of(text).map(|region| (text.to_owned(), region.to_owned()))
    });
    let endpoint = variables.parsed("SNS_ENDPOINT_URL", ENDPOINT, endpoint);
    let queue_endpoint = variables.parsed("SQS_ENDPOINT_URL", ENDPOINT, self::endpoint);
    let queue = variables.parsed("SQS_QUEUE_URL", QUEUE, queue);
    // A topic is published to in its own region, whatever region this program runs in.
    let topic = arn.map(|(arn, region)| TopicAddress {
        arn,
        access: AwsAccess {
            region,
            endpoint,
            keys: keys.clone(),
        },
    });
    let queue = queue.and_then(|(url, origin)| {
        let own = QueueAddress::region_of(&url).map(str::to_owned);
        let of_topic = topic.as_ref().map(|topic| topic.access.region.clone());
        let found = own.clone().or(region).or(of_topic);
        if found.is_none() && !variables.is_blamed("AWS_REGION") {
            variables.complain(
                "AWS_REGION",
                NOT_SET,
                format!("the queue's region, {REGION}"),
            );
        }
        let access = AwsAccess {
            region: found?,
            endpoint: queue_endpoint.or(own.is_none().then_some(origin)),
            keys,
        };
        Some(QueueAddress { url, access })
    });
    if cfg!(not(feature = "aws")) {
        let is_set = [
            ("SNS_TOPIC_ARN", topic.is_some()),
            ("SQS_QUEUE_URL", queue.is_some()),
        ];
        for (name, _) in is_set.iter().filter(|(_, is_set)| *is_set) {
            variables.complain(name, "set", BUILT_WITHOUT);
        }
    }
    let standard = PublishingSettings::standard();
    let alert_after = variables.parsed("SNS_ALERT_AFTER", parse::SPAN, parse::span);
    Events {
        topic,
        queue,
        publishing: PublishingSettings {
            source: public_url.map_or(standard.source, str::to_owned),
            alert_after: alert_after.unwrap_or(standard.alert_after),
            ..standard
        },
    }
}

/// Ours win over the standard ones; without either the environment provides, as on a machine with a
/// role.
fn keys(variables: &Variables<'_>) -> Option<AwsKeys> {
    let own = pair(variables, ("SNS_API_KEY", "SNS_API_SECRET"));
    let standard = pair(variables, ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"));
    let session_token = variables.secret("AWS_SESSION_TOKEN");
    let own = own.map(|(id, secret)| AwsKeys {
        id,
        secret,
        session_token: None,
    });
    own.or_else(|| {
        let (id, secret) = standard?;
        Some(AwsKeys {
            id,
            secret,
            session_token,
        })
    })
}

fn pair(
    variables: &Variables<'_>,
    (id, secret): (&'static str, &'static str),
) -> Option<(SecretString, SecretString)> {
    let words = "a key without spaces";
    let plain = |text: &str| {
        let is_plain = !text.contains(char::is_whitespace);
        is_plain.then(|| SecretString::from(text))
    };
    let found = (
        variables.parsed_secret(id, words, plain),
        variables.parsed_secret(secret, words, plain),
    );
    match found {
        (Some(id), Some(secret)) => Some((id, secret)),
        (None, None) => None,
        (one, _) => {
            let (missing, other) = if one.is_some() {
                (secret, id)
            } else {
                (id, secret)
            };
            if !variables.is_blamed(missing) {
                variables.complain(missing, NOT_SET, format!("the other half of {other}"));
            }
            None
        }
    }
}

fn region(text: &str) -> Option<String> {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = text.len() >= 5 && text.contains('-') && text.bytes().all(is_good);
    fits.then(|| text.to_owned())
}

/// http is for emulators: requests are signed, and never carry the secret itself.
fn web(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (is_web && is_plain).then_some(url)
}

fn endpoint(text: &str) -> Option<String> {
    let url = web(text)?;
    (url.path() == "/").then(|| text.trim_end_matches('/').to_owned())
}

/// A queue's address and the server that it stands on.
fn queue(text: &str) -> Option<(String, String)> {
    let url = web(text)?;
    let origin = url.origin().ascii_serialization();
    (url.path().len() > 1).then(|| (text.to_owned(), origin))
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use super::*;
    use crate::config::{Config, Problems};
    use secrecy::ExposeSecret as _;

    const TOPIC: &str = "arn:aws:sns:sa-east-1:123456789012:pixwave.fifo";
    const OF_AWS: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/q";

    fn read(variables: &[(&str, &str)]) -> Result<Events, Problems> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(given, _)| *given == name)?;
            Some(found.1.to_owned())
        };
        Config::read(&lookup).map(|config| config.events)
    }

    #[test]
    fn nothing_set_publishes_nowhere() {
        let events = read(&[]).unwrap();
        assert!(events.topic.is_none() && events.queue.is_none());
        assert_eq!(events.publishing.source, "/pixwave");
        let events = read(&[("PUBLIC_URL", "https://pay.example")]).unwrap();
        assert_eq!(events.publishing.source, "https://pay.example");
    }

    #[test]
    fn a_topics_region_is_its_own() {
        let topic = read(&[("SNS_TOPIC_ARN", TOPIC), ("AWS_REGION", "us-east-1")]);
        let topic = topic.unwrap().topic.unwrap();
        assert_eq!(topic.access.region, "sa-east-1");
        assert!(topic.is_fifo() && topic.access.keys.is_none() && topic.access.endpoint.is_none());
    }

    #[test]
    fn a_queues_region_is_in_its_address_or_stated_or_the_topics() {
        let region = |variables: &[(&str, &str)]| {
            let access = read(variables).unwrap().queue.unwrap().access;
            (access.region, access.endpoint)
        };
        let local = ("SQS_QUEUE_URL", "http://127.0.0.1:4566/000000000000/q");
        let origin = Some("http://127.0.0.1:4566".to_owned());
        assert_eq!(
            region(&[("SQS_QUEUE_URL", OF_AWS)]),
            ("us-east-1".into(), None)
        );
        let stated = region(&[local, ("AWS_REGION", "eu-west-1")]);
        assert_eq!(stated, ("eu-west-1".into(), origin.clone()));
        let of_topic = region(&[local, ("SNS_TOPIC_ARN", TOPIC)]);
        assert_eq!(of_topic, ("sa-east-1".into(), origin));
        let problems = read(&[local]).unwrap_err().to_string();
        assert!(problems.starts_with("AWS_REGION is not set"), "{problems}");
    }

    #[test]
    fn our_keys_win_over_the_standard_ones_and_come_in_pairs() {
        let standard = [
            ("SNS_TOPIC_ARN", TOPIC),
            ("AWS_ACCESS_KEY_ID", "theirs"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
        ];
        let keys = |events: Events| events.topic.unwrap().access.keys.unwrap();
        let found = keys(read(&standard).unwrap());
        assert_eq!(found.id.expose_secret(), "theirs");
        assert_eq!(found.session_token.unwrap().expose_secret(), "token");
        let ours = [
            &standard[..],
            &[("SNS_API_KEY", "ours"), ("SNS_API_SECRET", "s")],
        ]
        .concat();
        let found = keys(read(&ours).unwrap());
        assert_eq!(found.id.expose_secret(), "ours");
        assert!(found.session_token.is_none());
        for (alone, missing) in [
            ("SNS_API_KEY", "SNS_API_SECRET"),
            ("SNS_API_SECRET", "SNS_API_KEY"),
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ] {
            let problems = read(&[(alone, "hunter2")]).unwrap_err().to_string();
            assert!(problems.starts_with(missing), "{problems}");
            assert!(!problems.contains("hunter2"), "{problems}");
        }
    }

    #[test]
    fn each_bad_value_names_its_variable() {
        for (name, value) in [
            ("SNS_TOPIC_ARN", "pixwave"),
            ("SNS_ENDPOINT_URL", "http://h/path"),
            ("SNS_API_KEY", "two words"),
            ("SNS_ALERT_AFTER", "soon"),
            ("SQS_QUEUE_URL", "https://sqs.sa-east-1.amazonaws.com"),
            ("SQS_ENDPOINT_URL", "sqs"),
            ("AWS_REGION", "São Paulo"),
        ] {
            let Problems(problems) = read(&[(name, value)]).unwrap_err();
            assert!(
                problems.iter().any(|problem| problem.variable == name),
                "{problems:?}"
            );
        }
    }
}
