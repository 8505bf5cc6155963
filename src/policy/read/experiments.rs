//! The `holdout` and `experiments` parts.

use super::fields::{Fields, Wrong};
use super::quantity::{share, token};
use super::rules::each;
use crate::domain::Text;
use crate::policy::ProblemCode;
use crate::policy::experiments::{CampaignHoldout, Challenger, Experiments, Holdout};
use crate::policy::findings::Words;

/// Most campaigns with a holdout of their own.
const CAMPAIGNS_MAX: usize = 256;
/// Most challengers: with champion and holdout as many arms as can be compared.
const CHALLENGERS_MAX: usize = 6;
/// All customers, parts per million.
const ALL_PPM: i64 = 1_000_000;

pub fn holdout(root: &Fields<'_, '_>) -> Option<Option<Holdout>> {
    if !root.has("holdout") {
        return Some(None);
    }
    let holdout = root.group_if_any("holdout", "`holdout`")?;
    let (salt, share_ppm) = (holdout.required("salt", token), holdout.required("share", share));
    holdout.finish();
    Some(Some(Holdout { salt: salt?, share_ppm: share_ppm? }))
}

/// `offers`: the names of the document's offers.
pub fn read(root: &Fields<'_, '_>, offers: &[&Text]) -> Option<Experiments> {
    if !root.has("experiments") {
        return Some(Experiments::default());
    }
    let fields = root.group_if_any("experiments", "`experiments`")?;
    let salt = fields.required("salt", token);
    let campaigns = each(&fields, ("campaigns", "a campaign", CAMPAIGNS_MAX), campaign);
    let challengers =
        each(&fields, ("challengers", "a challenger", CHALLENGERS_MAX), |fields| challenger(fields, offers));
    let taken: i64 = challengers.iter().flatten().map(|challenger| challenger.share_ppm).sum();
    if taken > ALL_PPM {
        let wrong = Wrong::new("at most 100 % together", "leave some customers to the champion");
        fields.problems.report(fields.place_of("challengers"), "challengers with more than all customers", wrong);
    }
    fields.finish();
    Some(Experiments { salt: salt?, campaigns: campaigns?, challengers: challengers? })
}

fn campaign(fields: Fields<'_, '_>) -> Option<(CampaignHoldout, Text)> {
    let (campaign, share_ppm) = (fields.required("campaign", token), fields.required("holdout", share));
    fields.finish();
    let campaign = campaign?;
    Some((CampaignHoldout { campaign: campaign.clone(), share_ppm: share_ppm? }, campaign))
}

fn challenger(fields: Fields<'_, '_>, known: &[&Text]) -> Option<(Challenger, Text)> {
    let challenger = fields.required("challenger", token);
    let share_ppm = fields.required("share", share);
    let offers = fields.list_needed("offers", |text| match known.iter().find(|known| **known == text) {
        Some(offer) => Ok((*offer).clone()),
        None => {
            Err(Wrong::new("the name of an offer of this document", "correct the name").coded(ProblemCode::UnknownName))
        }
    });
    fields.finish();
    let challenger = challenger?;
    let offers = Words::new(offers?);
    Some((Challenger { challenger: challenger.clone(), share_ppm: share_ppm?, offers }, challenger))
}
