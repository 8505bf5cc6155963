mod candidates;
mod fates;
mod fixture;
mod funnel;
mod lives;
mod repaying;
