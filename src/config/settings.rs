//! From configuration to what the pure stages are told.

use super::{ClockKind, Config};
use crate::bus::Topics;
use crate::domain::Text;
use crate::domain::time::{DAY_MS, HOUR_MS, SECOND_MS};
use crate::{customer, partner};

impl Config {
    pub fn topics(&self) -> Topics {
        Topics {
            prefix: self.kafka.prefix.clone(),
            customer_shards: self.shards.customer,
            partner_shards: self.shards.partner,
        }
    }

    pub fn customer_settings(&self, shard: i32) -> customer::Settings {
        let customer = &self.customer;
        customer::Settings {
            shard,
            shards: self.shards.customer,
            partner_partitions: self.shards.partner,
            future_event_secs_max: match self.clock.kind {
                ClockKind::Event => customer.future_event_secs_max_event_clock,
                ClockKind::Wall | ClockKind::Scaled => customer.future_event_secs_max,
            },
            late_event_secs_max: customer.late_event_secs_max,
            decision_age_secs_max: customer.decision_age_secs_max,
            end_to_end_days: customer.end_to_end_days,
            heartbeat_secs: customer.heartbeat_secs,
        }
    }

    pub fn partner_settings(&self, shard: i32) -> partner::Settings {
        let partner = &self.partner;
        let mut windows: Vec<(Text, i64)> =
            partner.windows_secs.iter().map(|(name, secs)| (Text::from(name.as_str()), secs * SECOND_MS)).collect();
        windows.sort_by_key(|(_, length)| *length);
        partner::Settings {
            shard,
            customer_shards: self.shards.customer,
            windows,
            minutes_keep_ms: partner.minutes_keep_hours * HOUR_MS,
            hours_keep_ms: partner.hours_keep_days * DAY_MS,
            days_keep_ms: partner.days_keep_days * DAY_MS,
            min_n: partner.min_n,
            heartbeat_stale_secs: partner.heartbeat_stale_secs,
            time_passes: self.clock.kind != ClockKind::Event,
            idle_after_secs: partner.idle_after_secs,
            view_every_ms: partner.view_every_ms,
        }
    }
}
