//! Processor time and memory, as Linux counts them.

use std::fs;

/// Clock ticks a second, the same on every Linux.
const TICKS: f64 = 100.0;

/// Processor seconds of this process.
pub(crate) fn own_cpu() -> f64 {
    stat("self").map_or(0.0, |stat| stat.own)
}

/// Processor seconds of a server with all its processes, those that have ended as well.
pub(crate) fn cpu_of(server: u32) -> f64 {
    let Some(root) = stat(&server.to_string()) else { return 0.0 };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let children = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let children = children.filter_map(|name| stat(&name)).filter(|stat| stat.parent == server);
    root.own + root.ended + children.map(|stat| stat.own).sum::<f64>()
}

/// The peak of this process' memory, in KiB.
pub(crate) fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or_default()
}

struct Stat {
    parent: u32,
    own: f64,
    /// Of its children that have ended.
    ended: f64,
}

fn stat(process: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in front may have anything in it.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: (ticks(11)? + ticks(12)?) / TICKS,
        ended: (ticks(13)? + ticks(14)?) / TICKS,
    })
}
