//! The SQL of checkpoints and of tables that belong to a read model.

/// Moves the checkpoint of generation `$1` that begins with slice `$2` under epoch `$3` from `$4`, `$5` to `$6`, `$7`, and
/// renews the lease of owner `$8` for `$9` milliseconds. No row: fenced.
macro_rules! move_checkpoint {
    () => {
        "UPDATE es.checkpoints SET position = $6, event_id = $7, owner = $8,
            lease_until = clock_timestamp() + $9::double precision * interval '1 millisecond'
        WHERE generation = $1 AND first_slice = $2 AND epoch = $3
            AND position IS NOT DISTINCT FROM $4 AND event_id IS NOT DISTINCT FROM $5
            AND coalesce($6, 0) >= coalesce(position, 0)
        RETURNING generation"
    };
}
pub(super) const MOVE_CHECKPOINT: &str = move_checkpoint!();

/// The same in a transaction that does more: `$10` is its idle time-out. Gives the transaction's number too.
pub(super) const MOVE_AND_HOLD: &str = concat!(
    move_checkpoint!(),
    ", set_config('idle_in_transaction_session_timeout', $10, true), pg_current_xact_id()::text"
);
/// Whether this is still the transaction `$1`; an error where a statement of it has failed.
pub(super) const STILL_OPEN: &str = "SELECT coalesce(pg_current_xact_id_if_assigned()::text, '') = $1";

/// For one statement over whole tables.
pub(super) const NO_TIME_LIMIT: &str = "SELECT set_config('statement_timeout', '0', true)";

/// Which relations of these names there are, and whose they are.
pub(super) const EXISTING_TABLES: &str = "SELECT n.name, t.generation FROM unnest($1::text[]) AS n (name)
    LEFT JOIN es.projection_tables AS t ON t.name = n.name WHERE to_regclass(quote_ident(n.name)) IS NOT NULL";
pub(super) const OWN_TABLES: &str = "INSERT INTO es.projection_tables (name, generation)
    SELECT name, $1 FROM unnest($2::text[]) AS n (name)
    ON CONFLICT (name) DO UPDATE SET generation = excluded.generation";
pub(super) const DISOWN_TABLES: &str =
    "DELETE FROM es.projection_tables WHERE generation = ANY ($1::bigint[])";

/// The columns of an ordinary table: name, type, whether it is generated, whether it alone has a unique index, whether
/// its order is that of bytes, and whether its default uses a sequence that belongs to the table.
pub(super) const COLUMNS: &str = "SELECT a.attname::text, format_type(a.atttypid, -1),
        a.attgenerated <> '' OR a.attidentity = 'a',
        EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid
            AND i.indimmediate AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
        EXISTS (SELECT FROM pg_collation AS o WHERE o.oid = a.attcollation AND o.collname IN ('C', 'POSIX'))
            AND a.atttypid = 'text'::regtype,
        EXISTS (SELECT FROM pg_attrdef AS d
            JOIN pg_depend AS uses ON uses.classid = 'pg_attrdef'::regclass AND uses.objid = d.oid
                AND uses.refclassid = 'pg_class'::regclass
            JOIN pg_depend AS owned ON owned.classid = 'pg_class'::regclass AND owned.objid = uses.refobjid
                AND owned.refclassid = 'pg_class'::regclass AND owned.refobjid = a.attrelid AND owned.deptype = 'a'
            WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum)
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.oid = to_regclass(quote_ident($1)) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum";

/// A name as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Puts one table in the place of another. Both names have been checked, as in all that follows.
pub(crate) fn replace_table(live: &str, building: &str) -> String {
    format!("DROP TABLE IF EXISTS \"{live}\"; ALTER TABLE \"{building}\" RENAME TO \"{live}\";")
}

pub(crate) fn drop_table(name: &str) -> String {
    format!("DROP TABLE IF EXISTS \"{name}\";")
}

/// Makes a table as another one is.
pub(crate) fn like_table(live: &str, building: &str) -> String {
    format!("CREATE TABLE \"{building}\" (LIKE \"{live}\" INCLUDING ALL)")
}

pub(crate) fn is_empty(table: &str) -> String {
    format!("SELECT NOT EXISTS (SELECT FROM \"{table}\")")
}

/// How many rows one table has, and the other; how many of each the other has not, counting those that are there
/// twice. Rows are compared as text: not every type has an equality.
pub(crate) fn compare_tables(live: &str, building: &str) -> String {
    let rows = |table: &str| format!("SELECT es_row::text FROM \"{table}\" AS es_row");
    let (live_rows, building_rows) = (rows(live), rows(building));
    format!(
        "SELECT (SELECT count(*) FROM \"{live}\"), (SELECT count(*) FROM \"{building}\"),
            (SELECT count(*) FROM ({live_rows} EXCEPT ALL {building_rows}) AS rest),
            (SELECT count(*) FROM ({building_rows} EXCEPT ALL {live_rows}) AS rest)"
    )
}

/// What a table of views is made of: the type of its column `key`, whether keys are ordered by bytes by themselves,
/// and the columns that views have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) key_type: String,
    pub(crate) key_is_ordered: bool,
    pub(crate) columns: Vec<String>,
}

impl Shape {
    /// The columns of `row`.
    fn columns_of(&self, row: &str) -> String {
        let columns = self.columns.iter().map(|column| format!("{row}.{}", quoted(column)));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// The view of `row` as JSON text.
    fn json_of(&self, row: &str) -> String {
        let columns = self.columns_of(row);
        format!("(SELECT row_to_json(es_view)::text FROM (SELECT {columns}) AS es_view)")
    }

    /// The views with the keys `$1`, each with its place in them, from 1, and the key as the table has it.
    pub(crate) fn load(&self, table: &str) -> String {
        let (key_type, view) = (&self.key_type, self.json_of("t"));
        format!(
            "SELECT k.place, t.key::text, {view} FROM unnest($1::text[]) WITH ORDINALITY AS k (key, place)
            CROSS JOIN LATERAL (SELECT * FROM \"{table}\" AS v WHERE v.key = k.key::{key_type} LIMIT 1) AS t"
        )
    }

    /// The next `$2` keys and views behind `$1`, or from the first on where that is null.
    pub(crate) fn list(&self, table: &str) -> String {
        let view = self.json_of("t");
        let key = if self.key_is_ordered { "t.key" } else { "t.key::text COLLATE \"C\"" };
        format!(
            "SELECT t.key::text, {view} FROM \"{table}\" AS t
            WHERE $1::text IS NULL OR {key} > $1 ORDER BY {key} LIMIT $2"
        )
    }

    /// Moves the checkpoint as [`MOVE_AND_HOLD`] does, deletes the rows with the keys `$11`, writes the rows `$12`, an
    /// array of JSON objects, and gives what became of them. No row: fenced.
    pub(crate) fn write(&self, table: &str, moved: &str) -> String {
        let (key_type, view, columns) = (&self.key_type, self.json_of("t"), self.columns_of("r"));
        let names: Vec<_> = self.columns.iter().map(|column| quoted(column)).collect();
        let set: Vec<_> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let (names, set) = (names.join(", "), set.join(", "));
        format!(
            "WITH moved AS ({moved}),
            gone AS (DELETE FROM \"{table}\" AS t USING moved WHERE t.key = ANY ($11::text[]::{key_type}[])),
            kept AS (
                INSERT INTO \"{table}\" AS t (key, {names})
                SELECT r.key, {columns} FROM moved
                    CROSS JOIN json_populate_recordset(NULL::\"{table}\", $12::text::json) AS r
                ON CONFLICT (key) DO UPDATE SET {set}
                RETURNING t.key::text AS key, {view} AS view
            )
            SELECT k.key, k.view FROM moved AS m LEFT JOIN kept AS k ON true"
        )
    }
}
