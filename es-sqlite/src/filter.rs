//! What a filter is in SQL: a text that depends on how much it wants, and the parameters behind it.

use crate::hop::Query;
use crate::sql;
use es_core::Filter;
use sqlx::AssertSqlSafe;

/// More terms than this are not worth a text of their own: the whole window is read and filtered here.
const TERMS_MAX: usize = 64;

/// Reads a window of the log through `filter`.
pub(crate) fn filtered(filter: &Filter, after: i64, window: i64, limit: i64) -> Query {
    let (categories, names, prefixes) = (filter.categories(), filter.names(), filter.prefixes());
    let all = categories.len() + names.len() + prefixes.len();
    if all > TERMS_MAX {
        let text = sql::read_filtered(0, 0, 0);
        // Every row may be unwanted, so the limit is the window's.
        return sqlx::query(AssertSqlSafe(text)).bind(after).bind(window).bind(window);
    }
    // Only the number of the terms is in the text; what they are is bound.
    let text = sql::read_filtered(categories.len(), names.len(), prefixes.len());
    let query = sqlx::query(AssertSqlSafe(text)).bind(after).bind(window).bind(limit);
    let query = categories.fold(query, |query, category| query.bind(format!("{category}-")));
    names.chain(prefixes).fold(query, |query, name| query.bind(name.to_owned()))
}
