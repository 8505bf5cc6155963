//! Where an entry stands in its list: found once an event, handed along to all that ask for the entry.

use super::{Application, Customer, Drawdown, Keyed, Loan, search};

/// The place of one entry of a customer's record. A change of the entry leaves it there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// It is not known, or there is nothing that could be.
    #[default]
    Nowhere,
    Application(usize),
    Drawdown(usize),
    Loan(usize),
}

impl Place {
    /// The application that stands there.
    #[inline]
    pub fn application(self, customer: &Customer) -> Option<&Application> {
        if let Self::Application(at) = self { customer.applications.get(at) } else { None }
    }

    /// The drawdown that stands there.
    #[inline]
    pub fn drawdown(self, customer: &Customer) -> Option<&Drawdown> {
        if let Self::Drawdown(at) = self { customer.drawdowns.get(at) } else { None }
    }

    /// The loan that stands there.
    #[inline]
    pub fn loan(self, customer: &Customer) -> Option<&Loan> {
        if let Self::Loan(at) = self { customer.loans.get(at) } else { None }
    }

    /// Puts an application, if there is one, in the place of the one that stands there; see [`put`].
    pub fn put_application(self, customer: &mut Customer, application: &mut Option<Application>) {
        let at = if let Self::Application(at) = self { Some(at) } else { None };
        put(&mut customer.applications, at, application);
    }

    /// The same of a drawdown.
    pub fn put_drawdown(self, customer: &mut Customer, drawdown: &mut Option<Drawdown>) {
        let at = if let Self::Drawdown(at) = self { Some(at) } else { None };
        put(&mut customer.drawdowns, at, drawdown);
    }

    /// The loan that stands there, to change; made if none does.
    pub fn loan_or_make(self, customer: &mut Customer, make: impl FnOnce() -> Loan) -> Option<&mut Loan> {
        let loans = &mut customer.loans;
        let at = match self {
            Self::Loan(at) => at,
            _ => {
                let made = make();
                match search(loans, &made.partner, &made.loan) {
                    Ok(at) => at,
                    Err(at) => {
                        loans.insert(at, made);
                        at
                    }
                }
            }
        };
        loans.get_mut(at)
    }
}

/// Puts an entry, if there is one, in the place of the one that stands there, which is left in its stead; or places it by its key.
pub fn put<T: Keyed>(items: &mut Vec<T>, at: Option<usize>, entry: &mut Option<T>) {
    let Some(new) = entry else { return };
    let (partner, id) = new.key();
    match at.map_or_else(|| search(items, partner, id), Ok) {
        // They are large: to be exchanged costs them less than to be moved out and in.
        Ok(at) => items.get_mut(at).into_iter().for_each(|known| std::mem::swap(known, new)),
        Err(at) => entry.take().into_iter().for_each(|new| items.insert(at, new)),
    }
}
