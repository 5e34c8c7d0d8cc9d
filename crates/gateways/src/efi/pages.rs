//! Lists of Efí, page by page: `inicio`, `fim`, `paginacao`.

use app::ports::gateway::GatewayTrouble;
use domain::time::Moment;
use serde::de::DeserializeOwned;

use super::session::Session;
use super::{encoded, trouble, wire};
use crate::time;
use crate::transport::Call;

const PER_PAGE: u32 = 100;
/// The caller asks for windows of some hundreds at most.
const MOST_PAGES: u32 = 20;

/// A list, and the words for it.
#[derive(Clone, Copy)]
pub(super) struct List {
    pub path: &'static str,
    /// The operation's name in logs and metrics.
    pub operation: &'static str,
    /// One of its rows, as troubles name it.
    pub row: &'static str,
}

/// Everything in the window.
///
/// # Errors
/// When a page cannot be read, or there are more than one window may hold.
pub(super) async fn between<T: DeserializeOwned>(
    session: &Session,
    list: List,
    from: Moment,
    to: Moment,
) -> Result<Vec<T>, GatewayTrouble> {
    let mut found = Vec::new();
    for page in 0..MOST_PAGES {
        let path = format!(
            "{}?inicio={}&fim={}&paginacao.paginaAtual={page}&paginacao.itensPorPagina={PER_PAGE}",
            list.path,
            encoded(&time::utc(from)),
            encoded(&time::utc(to)),
        );
        let rows: wire::Page<T> = fetch(session, list, &path).await?;
        let is_last = rows.is_last(page);
        found.extend(rows.pix);
        if is_last {
            return Ok(found);
        }
    }
    Err(trouble(format!(
        "more {}s than one window may hold",
        list.row
    )))
}

async fn fetch<T: DeserializeOwned>(
    session: &Session,
    list: List,
    path: &str,
) -> Result<wire::Page<T>, GatewayTrouble> {
    let answer = session
        .read(|| Call::get(list.operation, path))
        .await
        .map_err(|failure| trouble(failure.as_str()))?;
    if answer.status != 200 {
        return Err(trouble(format!(
            "{} list answered {}",
            list.row, answer.status
        )));
    }
    answer
        .read()
        .ok_or_else(|| trouble(format!("an unreadable {} list", list.row)))
}

impl<T> wire::Page<T> {
    /// Without a count of pages, one that is not full is the last.
    fn is_last(&self, number: u32) -> bool {
        let paging = self
            .parametros
            .as_ref()
            .and_then(|it| it.paginacao.as_ref());
        match paging.and_then(|paging| paging.quantidade_de_paginas) {
            Some(pages) => number + 1 >= pages,
            None => self.pix.len() < PER_PAGE as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_is_known_by_the_count_or_by_its_length() {
        let page = |head: &str, rows: usize| -> wire::Page<u32> {
            let rows = vec!["1"; rows].join(",");
            serde_json::from_str(&format!(r#"{{{head}"pix":[{rows}]}}"#)).unwrap()
        };
        let counted = r#""parametros":{"paginacao":{"quantidadeDePaginas":2}},"#;
        assert!(!page(counted, 3).is_last(0));
        assert!(page(counted, 100).is_last(1));
        assert!(page("", 99).is_last(0));
        assert!(!page("", 100).is_last(0));
        let none = serde_json::from_str::<wire::Page<u32>>("{}").unwrap();
        assert!(none.is_last(0));
    }
}
