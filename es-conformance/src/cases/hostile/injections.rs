//! Texts that mean something to whoever glues strings together.

/// What SQL, shells, formats, paths, HTML, brokers and Unicode stumble over.
const CORPUS: &[&str] = &[
    "'; DROP TABLE events; --", "\"; DROP TABLE events; --", "' OR '1'='1", "' OR 1=1 --", "1; DELETE FROM events",
    "'; ROLLBACK; --", "'; COMMIT; --", "' UNION SELECT * FROM events --", "x'; ATTACH 'a' AS b; --", "')", "'))--",
    "\\'; DROP TABLE events; --", "''", "'", "\"", "`", "[x]", "$$", "$1", "$1$", "$tag$x$tag$", ":name", "@name", "?1",
    "?", "??", "%", "_", "%%", "\\%", "\\_", "\\", "\\\\", "\\n", "\\0", "\\x00", "--", "-- x", "/*", "*/", "/* x */",
    "#", ";", "NULL", "null", "DEFAULT", "CURRENT_TIMESTAMP", "pg_sleep(10)", "xp_cmdshell", "randomblob(1000000)",
    "load_extension('x')", "pg_catalog.pg_class", "sqlite_master", "information_schema", "events", "public.events",
    "E'\\x27'", "U&'\\0027'", "X'27'", "0x27", "CHAR(39)", "CHR(39)", "||", "a||b", "a' || 'b", "LIKE '%'", "COLLATE NOCASE",
    "1e309", "-1", "0", "9223372036854775808", "18446744073709551616", "1/0", "NaN", "Infinity", "1,000", "1 OR 1",
    "%s", "%n", "%d%s%n", "%x%x%x%x", "%00", "%27", "%2527", "{}", "{0}", "{:?}", "${x}", "${jndi:ldap://x}", "#{x}", "<%= x %>",
    "{{x}}", "$(id)", "`id`", "| id", "; id", "&& id", "& id", "> /tmp/x", "< /etc/passwd", "~", "*", "!", "!!", "-rf", "--help",
    "../../etc/passwd", "..\\..\\x", "/etc/passwd", "C:\\x", "\\\\host\\x", "file:///x", "CON", "NUL", "aux.txt", ".", "..", "...",
    "<script>alert(1)</script>", "\"><img onerror=x>", "</textarea>", "javascript:x", "&lt;", "&#39;", "<!--", "]]>", "<?xml?>",
    "&x;", "a=b&c=d", "a+b", "a b", " a", "a ", "  ", "\u{a0}", "\u{3000}", "\u{2003}", "\u{200b}", "\u{200d}", "\u{feff}",
    "\u{202e}evil", "\u{2066}x\u{2069}", "\u{fffd}", "\u{fffe}", "\u{e000}", "\u{10ffff}", "\u{1f600}", "👨‍👩‍👧", "é", "e\u{301}", "ß",
    "İ", "ı", "ﬁ", "ａ", "’", "‘", "“", "”", "ʼ", "＇", "＂", "；", "﹣", "–", "—", "−", "\u{ff07} OR 1=1", "日本語", "العربية", "עברית",
    "Ω", "Ω", "K", "Å", "Z̸̧̀a̶l̵g̷o̴", ">", "a.*", "a.>", "$SYS.x", "_INBOX.x", "PUB x 1", "amq.topic", "a/b", "a#b", "a:b", "a,b",
    "a|b", "a\\b", "a\"b", "a'b", "a`b", "(a)", "((", "))", "{\"a\":1}", "[1]", "\"a\"", "true", "undefined", "None", "__proto__",
    "constructor", "toString", "Robert'); DROP TABLE students;--", "a-b", "-a", "a-", "-", "--a", "A", "a", "Account", "account.opened",
    "account", "es_events", "order", "select", "table", "group", "user", "index", "values", "^", "=", "=1+1", "+1", "@SUM(1)", "==",
    "a\0b", "\0", "a\nb", "a\r\nPUB x", "\t", "\u{1b}[31m", "\u{7f}", "\u{85}", "\u{8}", "\u{1a}", "",
];

/// The corpus without what is there twice, and some that are long.
pub(super) fn injections() -> Vec<String> {
    let mut all: Vec<String> = CORPUS.iter().map(|text| (*text).to_owned()).collect();
    all.extend(["'", "\\", "%", "é", "\u{1f600}"].map(|text| text.repeat(100)));
    let mut seen = std::collections::HashSet::new();
    all.retain(|text| seen.insert(text.clone()));
    all
}
