//! Asking before what cannot be undone.

use crate::output::Console;
use crate::{Failure, FailureKind};
use std::io::{BufRead, IsTerminal};

/// Shows what is about to be done, and goes on if `yes` was said, or if a person types `name`.
pub(crate) async fn confirm(
    yes: bool,
    what: &str,
    name: &str,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    console.note(format_args!("about to {what}"));
    if yes {
        return Ok(());
    }
    if !console.is_process() || !std::io::stdin().is_terminal() {
        let message = "this cannot be undone, and there is nobody to ask: nothing was changed";
        return Err(
            Failure::new(FailureKind::Usage, message).with_hint("look at what is shown above, and say --yes")
        );
    }
    console.note(format_args!("this cannot be undone; type `{name}` to do it:"));
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let typed = typed.await??;
    agreed(typed.trim(), name)
}

fn agreed(typed: &str, name: &str) -> Result<(), Failure> {
    if typed == name {
        return Ok(());
    }
    let message = format!("expected `{name}`, found `{typed}`: nothing was changed");
    Err(Failure::new(FailureKind::Usage, message).with_hint("type it again, or say --yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_itself_agrees() {
        assert!(agreed("movements", "movements").is_ok());
        for typed in ["", "y", "yes", "Movements", "movement"] {
            let refusal = agreed(typed, "movements").err().unwrap();
            assert!(refusal.report().contains("nothing was changed"), "{typed}");
        }
    }
}
