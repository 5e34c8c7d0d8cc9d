//! Files for spreadsheets: semicolons, decimal commas, a mark that says UTF-8.
//!
//! A file is sent while it is read, page by page, so that it begins at once however long it is. The
//! first page is read before the answer begins, so that what stops it is still a page; a failure later
//! on cuts the file off, which browsers show as a failed download.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use http::header;

use crate::stop::Stop;

/// Lines as text, and where the next ones begin.
pub type Piece<C> = Result<(String, Option<C>), Stop>;

/// A file of this name: the head, and then what `read` answers from `start` on.
///
/// # Errors
/// What stopped the first page.
pub async fn file<C, F>(name: &str, head: &str, start: C, read: F) -> Result<Response, Stop>
where
    C: Send + 'static,
    F: Fn(C) -> BoxFuture<'static, Piece<C>> + Send + Sync + 'static,
{
    let (lines, rest) = read(start).await?;
    let first = format!("\u{feff}{head}\r\n{lines}");
    let pages = stream::try_unfold((rest, read), |(rest, read)| async move {
        let Some(next) = rest else {
            return Ok(None);
        };
        let read_on = read(next).await;
        let (lines, rest) = read_on.map_err(|_| std::io::Error::other("the rest was not read"))?;
        Ok::<_, std::io::Error>(Some((lines, (rest, read))))
    });
    let body = stream::iter([Ok(first)]).chain(pages);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Text as a cell: quoted, and never a formula to a spreadsheet.
pub fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// Centavos as a spreadsheet reads them: `-1234,56`.
pub fn cents(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{},{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("a\"b;c"), "\"a\"\"b;c\"");
        assert_eq!(cents(-5), "-0,05");
        assert_eq!(cents(123_456), "1234,56");
    }

    async fn text(response: Response) -> Option<String> {
        let bytes = response.into_body().collect().await.ok()?.to_bytes();
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_file_is_sent_page_by_page_and_cut_off_when_reading_fails() {
        let until = |last: u32, fails: bool| {
            file("x.csv", "n", 1_u32, move |n| {
                Box::pin(async move {
                    if fails && n == last {
                        return Err(Stop::Unavailable);
                    }
                    Ok((format!("{n}\r\n"), (n < last).then_some(n + 1)))
                })
            })
        };
        let whole = until(3, false).await.unwrap();
        assert_eq!(
            whole.headers()["content-disposition"],
            "attachment; filename=\"x.csv\""
        );
        assert_eq!(text(whole).await.unwrap(), "\u{feff}n\r\n1\r\n2\r\n3\r\n");
        assert_eq!(text(until(3, true).await.unwrap()).await, None);
        assert_eq!(until(1, true).await.err(), Some(Stop::Unavailable));
    }
}
