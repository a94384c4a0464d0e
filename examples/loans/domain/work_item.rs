//! [`WorkItem`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// What the bank's employees do for an application; the log has it in Dutch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkItem {
    HandleLead,
    CompleteApplication,
    CallAboutOffer,
    CallAboutMissingPapers,
    AssessApplication,
    AssessFraud,
    ChangeContract,
}

impl WorkItem {
    pub const ALL: [Self; 7] = [
        Self::HandleLead,
        Self::CompleteApplication,
        Self::CallAboutOffer,
        Self::CallAboutMissingPapers,
        Self::AssessApplication,
        Self::AssessFraud,
        Self::ChangeContract,
    ];

    /// The work item with this activity.
    pub fn from_activity(activity: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|item| item.activity() == activity)
    }

    /// What the log calls it.
    pub fn activity(self) -> &'static str {
        match self {
            Self::HandleLead => "W_Afhandelen leads",
            Self::CompleteApplication => "W_Completeren aanvraag",
            Self::CallAboutOffer => "W_Nabellen offertes",
            Self::CallAboutMissingPapers => "W_Nabellen incomplete dossiers",
            Self::AssessApplication => "W_Valideren aanvraag",
            Self::AssessFraud => "W_Beoordelen fraude",
            Self::ChangeContract => "W_Wijzigen contractgegevens",
        }
    }
}

impl fmt::Display for WorkItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.activity())
    }
}
