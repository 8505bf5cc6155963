mod candidates;
mod fates;
mod fixture;
mod funnel;
mod holdings;
mod lives;
mod repaying;
