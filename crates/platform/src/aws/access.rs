//! Where a topic or queue is and as whom it is spoken to.

use secrecy::SecretString;

/// A key pair that was configured.
#[derive(Clone, Debug)]
pub struct AwsKeys {
    pub id: SecretString,
    pub secret: SecretString,
    /// Of temporary keys.
    pub session_token: Option<SecretString>,
}

/// How to reach a service of AWS.
#[derive(Clone, Debug)]
pub struct AwsAccess {
    pub region: String,
    /// In place of the region's own address.
    pub endpoint: Option<String>,
    /// `None`: as the environment provides them.
    pub keys: Option<AwsKeys>,
}

#[derive(Clone, Debug)]
pub struct TopicAddress {
    /// `arn:aws:sns:REGION:ACCOUNT:NAME`
    pub arn: String,
    pub access: AwsAccess,
}

#[derive(Clone, Debug)]
pub struct QueueAddress {
    pub url: String,
    pub access: AwsAccess,
}

impl TopicAddress {
    /// Whether the topic keeps order.
    pub fn is_fifo(&self) -> bool {
        self.arn.ends_with(".fifo")
    }

    /// The region in which a topic's name places it; `None` for what names no topic.
    pub fn region_of(arn: &str) -> Option<&str> {
        let parts: Vec<&str> = arn.split(':').collect();
        let [scheme, partition, service, region, account, name] = parts[..] else {
            return None;
        };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_plain = |text: &str| {
            let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !text.is_empty() && text.bytes().all(is_good)
        };
        let is_topic = scheme == "arn"
            && partition.starts_with("aws")
            && is_plain(partition)
            && service == "sns"
            && is_plain(region)
            && is_account
            && is_plain(name.strip_suffix(".fifo").unwrap_or(name));
        is_topic.then_some(region)
    }
}

impl QueueAddress {
    /// The region in a queue's address, where it is one of AWS's own.
    pub fn region_of(url: &str) -> Option<&str> {
        let host = url.strip_prefix("https://")?.split('/').next()?;
        let rest = host.strip_prefix("sqs.")?;
        let (region, domain) = rest.split_once('.')?;
        matches!(domain, "amazonaws.com" | "amazonaws.com.cn").then_some(region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topics_name_says_where_it_is() {
        for (arn, region) in [
            ("arn:aws:sns:sa-east-1:123456789012:pix", Some("sa-east-1")),
            (
                "arn:aws-cn:sns:cn-north-1:123456789012:p_x.fifo",
                Some("cn-north-1"),
            ),
            ("arn:aws:sqs:sa-east-1:123456789012:pix", None),
            ("arn:aws:sns:sa-east-1:12345678901:pix", None),
            ("arn:aws:sns::123456789012:pix", None),
            ("arn:aws:sns:sa-east-1:123456789012:", None),
            ("arn:aws:sns:sa-east-1:123456789012:pix:11111111", None),
            ("arn:aws:sns:sa-east-1:123456789012:p/x", None),
            ("pix", None),
        ] {
            assert_eq!(TopicAddress::region_of(arn), region, "{arn}");
        }
    }

    #[test]
    fn a_queues_address_says_where_it_is_when_it_is_of_aws() {
        for (url, region) in [
            (
                "https://sqs.sa-east-1.amazonaws.com/123456789012/q",
                Some("sa-east-1"),
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/1/q",
                Some("cn-north-1"),
            ),
            ("https://sqs.evil.example/amazonaws.com/q", None),
            ("http://127.0.0.1:4566/000000000000/q", None),
        ] {
            assert_eq!(QueueAddress::region_of(url), region, "{url}");
        }
    }
}
