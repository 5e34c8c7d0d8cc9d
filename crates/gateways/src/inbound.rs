//! Reading a notification's query string.

/// The value of a query parameter, percent-decoded; the first one when it is repeated.
pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::query_value;

    #[test]
    fn parameters_are_decoded_and_the_first_wins() {
        let query = "data.id=a%2Fb&type=payment&type=other&empty=";
        assert_eq!(query_value(query, "data.id").as_deref(), Some("a/b"));
        assert_eq!(query_value(query, "type").as_deref(), Some("payment"));
        assert_eq!(query_value(query, "empty").as_deref(), Some(""));
        assert_eq!(query_value(query, "id"), None);
    }
}
