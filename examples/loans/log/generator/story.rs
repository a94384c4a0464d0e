//! [`Story`].

use crate::domain::WorkItem;
use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;

/// One thing that happens to an application.
pub struct Happening {
    pub at: DateTime<Utc>,
    pub activity: &'static str,
    pub lifecycle: &'static str,
    pub resource: Option<u32>,
}

/// The way of one application through the bank, from its submission to its outcome. The chances are those of the real
/// log.
pub struct Story<'a> {
    random: &'a mut Rng,
    now: DateTime<Utc>,
    happenings: Vec<Happening>,
}

/// The bank's own system.
const SYSTEM: u32 = 112;

/// The first of the bank's employees, and how many they are.
const EMPLOYEE_FIRST: u32 = 10_609;
const EMPLOYEES: u32 = 67;

/// How often the log does not say who did a piece of work.
const NAMELESS: f64 = 0.08;

/// Amounts that customers like, each as often as it stands here.
const AMOUNTS: [u32; 20] = [
    5_000, 5_000, 5_000, 5_000, 10_000, 10_000, 10_000, 15_000, 15_000, 20_000, 25_000, 50_000, 6_000, 8_000,
    7_500, 3_000, 2_500, 1_000, 30_000, 12_500,
];

impl<'a> Story<'a> {
    /// The amount, and all that happens, in order.
    pub fn tell(random: &'a mut Rng, begin: DateTime<Utc>) -> (u32, Vec<Happening>) {
        let amount = match random.u32(..3) {
            0 => 500 * random.u32(1..100),
            _ => AMOUNTS[random.usize(..AMOUNTS.len())],
        };
        let mut story = Self { random, now: begin, happenings: Vec::new() };
        story.submission();
        (amount, story.happenings)
    }

    fn submission(&mut self) {
        self.happens("A_SUBMITTED", Some(SYSTEM));
        self.wait_ms(100..900);
        self.happens("A_PARTLYSUBMITTED", Some(SYSTEM));
        self.wait_ms(30_000..60_000);
        if self.chance(0.262) {
            self.happens("A_DECLINED", Some(SYSTEM));
        } else if self.chance(0.494) {
            self.lead();
        } else {
            self.happens("A_PREACCEPTED", Some(SYSTEM));
            self.completion();
        }
    }

    fn lead(&mut self) {
        self.schedule(WorkItem::HandleLead, Some(SYSTEM));
        self.wait_hours(1..12);
        for _ in 0..self.rounds(0.2) {
            self.work(WorkItem::HandleLead);
        }
        let employee = self.start(WorkItem::HandleLead);
        if self.chance(0.47) {
            self.happens("A_DECLINED", employee);
            self.complete(WorkItem::HandleLead, employee);
        } else {
            self.happens("A_PREACCEPTED", employee);
            self.complete(WorkItem::HandleLead, employee);
            self.completion();
        }
    }

    fn completion(&mut self) {
        self.schedule(WorkItem::CompleteApplication, Some(SYSTEM));
        for _ in 0..self.rounds(2.1) {
            self.wait_hours(1..30);
            self.work(WorkItem::CompleteApplication);
        }
        self.wait_hours(1..48);
        let employee = self.start(WorkItem::CompleteApplication);
        match self.random.u32(..1_000) {
            0..150 => self.happens("A_DECLINED", employee),
            150..300 => self.happens("A_CANCELLED", employee),
            _ => {
                self.happens("A_ACCEPTED", employee);
                self.wait_ms(60_000..600_000);
                self.happens("O_SELECTED", employee);
                self.happens("A_FINALIZED", employee);
                self.wait_ms(1_000..3_000);
                self.happens("O_CREATED", employee);
                self.wait_ms(500..1_500);
                self.happens("O_SENT", employee);
                self.schedule(WorkItem::CallAboutOffer, employee);
                self.complete(WorkItem::CompleteApplication, employee);
                return self.offer();
            }
        }
        self.complete(WorkItem::CompleteApplication, employee);
    }

    fn offer(&mut self) {
        for _ in 0..self.rounds(3.4) {
            self.wait_hours(24..96);
            let employee = self.work(WorkItem::CallAboutOffer);
            if self.chance(0.115) {
                for activity in ["O_CANCELLED", "O_SELECTED", "O_CREATED", "O_SENT"] {
                    self.happens(activity, employee);
                    self.wait_ms(500..5_000);
                }
            }
        }
        self.wait_hours(24..72);
        let employee = self.start(WorkItem::CallAboutOffer);
        if self.chance(0.65) {
            self.schedule(WorkItem::AssessApplication, employee);
            self.happens("O_SENT_BACK", employee);
            self.complete(WorkItem::CallAboutOffer, employee);
            self.assessment();
        } else {
            self.complete(WorkItem::CallAboutOffer, employee);
            self.wait_hours(100..600);
            self.happens("O_CANCELLED", Some(SYSTEM));
            self.happens("A_CANCELLED", Some(SYSTEM));
        }
    }

    fn assessment(&mut self) {
        if self.chance(0.04) {
            self.schedule(WorkItem::AssessFraud, Some(SYSTEM));
            self.work(WorkItem::AssessFraud);
        }
        self.wait_hours(10..60);
        self.work(WorkItem::AssessApplication);
        if self.chance(0.55) {
            self.schedule(WorkItem::CallAboutMissingPapers, None);
            for _ in 0..self.rounds(6.4) {
                self.wait_hours(4..40);
                self.work(WorkItem::CallAboutMissingPapers);
            }
            self.schedule(WorkItem::AssessApplication, None);
            self.wait_hours(4..40);
            self.work(WorkItem::AssessApplication);
        }
        self.wait_hours(4..40);
        let employee = self.start(WorkItem::AssessApplication);
        self.decision(employee);
        self.complete(WorkItem::AssessApplication, employee);
        if self.chance(0.003) {
            self.wait_hours(24..200);
            self.schedule(WorkItem::ChangeContract, employee);
        }
    }

    fn decision(&mut self, employee: Option<u32>) {
        let activities: &[&str] = match self.random.u32(..100) {
            0..70 => &["O_ACCEPTED", "A_APPROVED", "A_REGISTERED", "A_ACTIVATED"],
            70..95 => &["O_DECLINED", "A_DECLINED"],
            _ => &["O_CANCELLED", "A_CANCELLED"],
        };
        for activity in activities {
            self.happens(activity, employee);
        }
    }

    fn happens(&mut self, activity: &'static str, resource: Option<u32>) {
        self.happenings.push(Happening { at: self.now, activity, lifecycle: "COMPLETE", resource });
    }

    fn schedule(&mut self, item: WorkItem, resource: Option<u32>) {
        self.does(item, "SCHEDULE", resource);
    }

    /// Someone begins, who is then the one to finish.
    fn start(&mut self, item: WorkItem) -> Option<u32> {
        let employee = EMPLOYEE_FIRST + self.random.u32(..EMPLOYEES);
        let employee = (!self.chance(NAMELESS)).then_some(employee);
        self.does(item, "START", employee);
        self.wait_ms(60_000..1_200_000);
        employee
    }

    fn complete(&mut self, item: WorkItem, employee: Option<u32>) {
        self.wait_ms(1_000..30_000);
        self.does(item, "COMPLETE", employee);
    }

    fn work(&mut self, item: WorkItem) -> Option<u32> {
        let employee = self.start(item);
        self.complete(item, employee);
        employee
    }

    fn does(&mut self, item: WorkItem, lifecycle: &'static str, resource: Option<u32>) {
        self.happenings.push(Happening { at: self.now, activity: item.activity(), lifecycle, resource });
    }

    fn wait_ms(&mut self, range: std::ops::Range<i64>) {
        self.now += TimeDelta::milliseconds(self.random.i64(range));
    }

    fn wait_hours(&mut self, range: std::ops::Range<i64>) {
        self.wait_ms(range.start * 3_600_000..range.end * 3_600_000);
    }

    fn chance(&mut self, of_one: f64) -> bool {
        self.random.f64() < of_one
    }

    /// How often something is repeated: `mean` times on average, seldom very often.
    fn rounds(&mut self, mean: f64) -> u32 {
        let again = mean / (mean + 1.0);
        (0..ROUNDS_MAX).take_while(|_| self.random.f64() < again).count() as u32
    }
}

/// The longest application of the real log has 175 events.
const ROUNDS_MAX: u32 = 40;
