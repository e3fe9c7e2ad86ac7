//! What leaves the bill, in words: an amount with the nodes, or $0 or unknown with the reason. Never added to what is
//! requested, which is another number.

use kubeopt_model::cost::{BillDelta, Money, ProposedBill};
use serde::Serialize;

use crate::figures;

/// Most reasons that are shown, one a node pool.
const REASONS_MAX: usize = 3;

/// The bill as a body says it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BillView {
    /// `$0 for now`, `-$140.16 a month (1 node less)`, `unknown`
    amount: String,
    /// Why, without a full stop.
    why: Option<String>,
    /// The same with all others that are proposed, where there are any.
    together: Option<TogetherView>,
}

#[derive(Debug, Clone, Serialize)]
struct TogetherView {
    /// `the other proposal`, `the 2 other proposals`
    others: String,
    amount: String,
    why: Option<String>,
}

impl BillView {
    pub(crate) fn of(bill: &ProposedBill) -> Self {
        let together = bill.together.as_ref().map(|together| TogetherView {
            others: others(bill.others),
            amount: amount(together, " a month"),
            // What is the same is said once.
            why: (together.why != bill.alone.why).then(|| why(together)).flatten(),
        });
        Self { amount: amount(&bill.alone, " a month"), why: why(&bill.alone), together }
    }
}

/// One line for a terminal: `can leave the bill: $0 for now - node pool ...`.
pub fn bill_line(bill: &BillDelta) -> String {
    let why = why(bill).map_or(String::new(), |why| format!(" - {why}"));
    let verb = match bill.monthly {
        Some(monthly) if monthly.to_cents() > Money::ZERO => "comes on the bill",
        Some(_) | None => "can leave the bill",
    };
    format!("{verb}: {}{why}", amount(bill, "/month"))
}

/// `the other proposal`, `the 2 other proposals`
pub(crate) fn others(count: usize) -> String {
    match count {
        1 => "the other proposal".to_owned(),
        _ => format!("the {count} other proposals"),
    }
}

fn amount(bill: &BillDelta, per: &str) -> String {
    let nodes = usize::try_from(bill.nodes.unsigned_abs()).unwrap_or(usize::MAX);
    match bill.monthly {
        None => "unknown".to_owned(),
        Some(monthly) if monthly.to_cents() == Money::ZERO => "$0 for now".to_owned(),
        Some(monthly) => {
            let less = if bill.nodes < 0 { "less" } else { "more" };
            let nodes = figures::counted(nodes, "node");
            format!("{}{per} ({nodes} {less})", figures::dollars(monthly))
        }
    }
}

fn why(bill: &BillDelta) -> Option<String> {
    let mut shown: Vec<String> = bill.why.iter().take(REASONS_MAX).cloned().collect();
    let left_out = bill.why.len().saturating_sub(REASONS_MAX);
    if left_out > 0 {
        shown.push(format!("and {left_out} more"));
    }
    (!shown.is_empty()).then(|| shown.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bill(monthly: Option<&str>, nodes: i64, why: &[&str]) -> BillDelta {
        BillDelta {
            monthly: monthly.map(|text| Money(text.parse().unwrap())),
            nodes,
            why: why.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn increases_and_decreases_zero_and_the_unknown_are_each_said() {
        for (bill, line) in [
            (bill(Some("-140.16"), -2, &[]), "can leave the bill: -$140.16/month (2 nodes less)"),
            (bill(Some("70.08"), 1, &[]), "comes on the bill: +$70.08/month (1 node more)"),
            (bill(Some("0"), 0, &["pool `a` is full"]), "can leave the bill: $0 for now - pool `a` is full"),
            (bill(None, 0, &["no price"]), "can leave the bill: unknown - no price"),
            (
                bill(Some("0"), 0, &["a", "b", "c", "d", "e"]),
                "can leave the bill: $0 for now - a; b; c; and 2 more",
            ),
        ] {
            assert_eq!(bill_line(&bill), line);
        }
    }
}
