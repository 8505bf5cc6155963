//! Transcoding against two judges: apache-avro's own resolution, and fastavro, which shares no code with it.
//!
//! Writer schemas are made from ours by what happens to schemas over the years (`mutate`), values are drawn from the writer's
//! schema, and both judges read them with our schema. What they read, written in our layout, must be what the plan makes;
//! what they refuse must be refused.

mod mutate;
mod judge;
mod cases;
mod hostile;
mod second;
