//! Joining the types of a transparent union's members, at compile time.

use super::EventType;

/// All types of `lists` in one array; refuses at compile time two types that share a name or an alias.
pub const fn concat<const N: usize>(lists: &[&[EventType]]) -> [EventType; N] {
    let mut all = [EventType { name: "", aliases: &[], version: 0 }; N];
    let (mut list, mut next) = (0, 0);
    while list < lists.len() {
        let mut member = 0;
        while member < lists[list].len() {
            let mut earlier = 0;
            while earlier < next {
                assert!(
                    !share_a_name(&all[earlier], &lists[list][member]),
                    "two members of this union share a stored name"
                );
                earlier += 1;
            }
            all[next] = lists[list][member];
            next += 1;
            member += 1;
        }
        list += 1;
    }
    all
}

const fn share_a_name(a: &EventType, b: &EventType) -> bool {
    if same(a.name, b.name) || contains(a.aliases, b.name) || contains(b.aliases, a.name) {
        return true;
    }
    let mut i = 0;
    while i < a.aliases.len() {
        if contains(b.aliases, a.aliases[i]) {
            return true;
        }
        i += 1;
    }
    false
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut i = 0;
    while i < names.len() {
        if same(names[i], name) {
            return true;
        }
        i += 1;
    }
    false
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
