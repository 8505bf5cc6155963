mod candidates;
mod fates;
mod fixture;
mod funnel;
mod repaying;
