//! The OpenAPI document as one page: no scripts, nothing from elsewhere.
//!
//! Operations stand under their tags, then the schemas, then the codes of problems, each with an
//! anchor (`#problem-<code>` is what the `type` of a problem refers to).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Code;
use crate::html::escape;

pub(super) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color:#1a1a1a}code{background:#f3f3f3;padding:0 .25em;border-radius:3px;\
overflow-wrap:anywhere}summary{cursor:pointer;padding:.35rem 0}details{border-bottom:1px solid #ddd}\
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{text-align:left;vertical-align:top;\
padding:.25rem .75rem .25rem 0;border-bottom:1px solid #eee}.m{display:inline-block;min-width:4.5em;\
font-weight:700}@media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}\
code{background:#2a2a2a}a{color:#8ab4f8}}";

pub(super) fn page(document: &Value) -> String {
    let info = &document["info"];
    let title = format!("{} {}", text(&info["title"]), text(&info["version"]));
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style>\
</head><body><h1>{title}</h1>{}<p>The same for programs: \
<a href=\"/openapi.json\">/openapi.json</a>.</p>{}<h2>Problems</h2>{}<h2>Schemas</h2>{}</body></html>",
        paragraphs(&info["description"]),
        operations(document),
        problems(),
        schemas(&document["components"]["schemas"]),
    )
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn paragraphs(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.split("\n\n")
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| format!("<p>{}</p>", inline(paragraph)))
        .collect()
}

/// Text with its `code` set apart.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        match index % 2 {
            0 => html.push_str(&escape(part)),
            _ => html.push_str(&format!("<code>{}</code>", escape(part))),
        }
    }
    html
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn operations(document: &Value) -> String {
    let mut sections = BTreeMap::<&str, String>::new();
    for (path, methods) in entries(&document["paths"]) {
        for (method, operation) in entries(methods) {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            sections
                .entry(tag)
                .or_default()
                .push_str(&operation_html(method, path, operation));
        }
    }
    items(&document["tags"])
        .map(|tag| {
            let name = tag["name"].as_str().unwrap_or_default();
            let body = sections.remove(name).unwrap_or_default();
            let about = paragraphs(&tag["description"]);
            format!("<h2>{}</h2>{about}{body}", escape(name))
        })
        .collect()
}

fn operation_html(method: &str, path: &str, operation: &Value) -> String {
    let id = text(&operation["operationId"]);
    let parameters: String = items(&operation["parameters"])
        .map(|parameter| {
            let required = parameter["required"].as_bool().unwrap_or(false);
            let place = format!(
                "{}, {}",
                text(&parameter["in"]),
                type_of(&parameter["schema"])
            );
            row(
                parameter["name"].as_str().unwrap_or_default(),
                required,
                &place,
                &parameter["description"],
            )
        })
        .collect();
    let body: String = entries(&operation["requestBody"]["content"])
        .map(|(kind, content)| {
            format!(
                "<p>Body, <code>{}</code>: {}</p>",
                escape(kind),
                type_of(&content["schema"])
            )
        })
        .collect();
    let responses: String = entries(&operation["responses"])
        .map(|(status, response)| {
            let kinds: Vec<String> = entries(&response["content"])
                .map(|(_, content)| type_of(&content["schema"]))
                .collect();
            format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escape(status),
                kinds.join(" or "),
                inline(response["description"].as_str().unwrap_or_default())
            )
        })
        .collect();
    let scopes = match items(&operation["security"]).next() {
        None => "No token is needed.".to_owned(),
        Some(requirement) => {
            let scopes: Vec<String> = items(&requirement["bearer"])
                .map(|scope| format!("<code>{}</code>", text(scope)))
                .collect();
            match scopes.as_slice() {
                [] => "Needs a bearer token.".to_owned(),
                scopes => format!("Needs a bearer token with the scope {}.", scopes.join(", ")),
            }
        }
    };
    format!(
        "<details id=\"{id}\"><summary><span class=\"m\">{}</span> <code>{}</code> {}</summary>\
{}<p>{scopes}</p>{}{body}<table>{responses}</table></details>",
        escape(&method.to_uppercase()),
        escape(path),
        text(&operation["summary"]),
        paragraphs(&operation["description"]),
        table(&parameters),
    )
}

fn table(rows: &str) -> String {
    if rows.is_empty() {
        return String::new();
    }
    format!("<table>{rows}</table>")
}

fn row(name: &str, required: bool, kind: &str, description: &Value) -> String {
    let mark = if required { " (required)" } else { "" };
    format!(
        "<tr><td><code>{}</code>{mark}</td><td>{kind}</td><td>{}</td></tr>",
        escape(name),
        inline(description.as_str().unwrap_or_default())
    )
}

/// A schema in a few words, as HTML.
fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escape(reference.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for combination in ["oneOf", "anyOf", "allOf"] {
        let parts: Vec<String> = items(&schema[combination]).map(type_of).collect();
        if !parts.is_empty() {
            let between = if combination == "allOf" {
                " and "
            } else {
                " or "
            };
            return parts.join(between);
        }
    }
    let mut words = match &schema["type"] {
        Value::String(name) => escape(name),
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "any".to_owned(),
    };
    if schema["items"].is_object() {
        words = format!("{words} of {}", type_of(&schema["items"]));
    }
    for (name, label) in [
        ("format", "format"),
        ("minimum", "from"),
        ("maximum", "to"),
        ("minLength", "at least"),
        ("maxLength", "at most"),
        ("default", "default"),
    ] {
        match &schema[name] {
            Value::Null => {}
            Value::String(value) => words.push_str(&format!(", {label} {}", escape(value))),
            value => words.push_str(&format!(", {label} {}", escape(&value.to_string()))),
        }
    }
    let values: Vec<String> = items(&schema["enum"])
        .map(|value| format!("<code>{}</code>", text(value)))
        .collect();
    if !values.is_empty() {
        words.push_str(&format!(": {}", values.join(", ")));
    }
    words
}

fn schemas(schemas: &Value) -> String {
    entries(schemas)
        .map(|(name, schema)| {
            let name = escape(name);
            format!(
                "<h3 id=\"schema-{name}\">{name}</h3>{}{}",
                paragraphs(&schema["description"]),
                properties(schema)
            )
        })
        .collect()
}

fn properties(schema: &Value) -> String {
    let parts: String = items(&schema["allOf"]).map(properties).collect();
    let required: Vec<&str> = items(&schema["required"])
        .filter_map(Value::as_str)
        .collect();
    let rows: String = entries(&schema["properties"])
        .map(|(name, property)| {
            let is_required = required.contains(&name.as_str());
            row(
                name,
                is_required,
                &type_of(property),
                &property["description"],
            )
        })
        .collect();
    match (parts.is_empty(), rows.is_empty()) {
        (true, true) => format!("<p>{}</p>", type_of(schema)),
        (false, _) | (_, false) => format!("{parts}{}", table(&rows)),
    }
}

fn problems() -> String {
    let rows: String = Code::ALL
        .iter()
        .map(|code| {
            format!(
                "<tr id=\"problem-{0}\"><td><code>{0}</code></td><td>{1}</td><td>{2}</td></tr>",
                code.as_str(),
                code.status().as_u16(),
                escape(code.title())
            )
        })
        .collect();
    table(&rows)
}
