//! Which rules one is better than: it reserves less, and no more exceeds it.

use kubeopt_model::Resource;
use serde::Serialize;

use crate::contender::Role;
use crate::row::Row;

/// Both planes, in the order in which they are shown.
pub(crate) const PLANES: [Resource; 2] = [Resource::Cpu, Resource::Memory];

/// Peers that an own operating point dominates on one plane.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dominance {
    /// The own operating point.
    pub strategy: String,
    /// The plane.
    pub resource: Resource,
    /// Peers that reserve more and are exceeded as often or more often.
    pub dominated: Vec<String>,
    /// Peers that reserve less and are exceeded less often, or one of the two at an equal other.
    pub dominated_by: Vec<String>,
}

/// What kubeopt's own rule saves, at the price at which no more exceeds it than a peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtEqualRisk {
    /// The peer.
    pub peer: String,
    /// The plane.
    pub resource: Resource,
    /// Share of samples or weeks over the peer's recommendation.
    pub peer_over: f64,
    /// Saved by the peer.
    pub peer_saved: f64,
    /// Saved by kubeopt at the best of its prices; none where every price is exceeded more often.
    pub own_saved: Option<f64>,
    /// Share over at that price.
    pub own_over: Option<f64>,
}

/// At most as often exceeded, and less reserved; or less often, and no more.
fn dominates(one: (f64, f64), other: (f64, f64)) -> bool {
    let ((saved, over), (other_saved, other_over)) = (one, other);
    over <= other_over && saved >= other_saved && (over < other_over || saved > other_saved)
}

fn point(row: &Row, resource: Resource) -> (f64, f64) {
    let figures = row.figures(resource);
    (figures.saved.value, figures.over.value)
}

/// One entry for each own operating point and plane, where there are peers.
pub(crate) fn dominances(rows: &[Row]) -> Vec<Dominance> {
    let peers: Vec<&Row> = rows.iter().filter(|row| row.role == Role::Peer).collect();
    if peers.is_empty() {
        return Vec::new();
    }
    let own = rows.iter().filter(|row| row.role == Role::Own);
    own.flat_map(|own| PLANES.map(|resource| (own, resource)))
        .map(|(own, resource)| {
            let names = |holds: &dyn Fn(&Row) -> bool| {
                peers.iter().filter(|peer| holds(peer)).map(|peer| peer.strategy.clone()).collect()
            };
            let ours = point(own, resource);
            Dominance {
                strategy: own.strategy.clone(),
                resource,
                dominated: names(&|peer| dominates(ours, point(peer, resource))),
                dominated_by: names(&|peer| dominates(point(peer, resource), ours)),
            }
        })
        .collect()
}

/// One entry for each peer and plane, where there is a curve to read them off.
pub(crate) fn at_equal_risk(rows: &[Row], curve: &[Row]) -> Vec<AtEqualRisk> {
    if curve.is_empty() {
        return Vec::new();
    }
    let own: Vec<&Row> = rows.iter().filter(|row| row.role == Role::Own).chain(curve).collect();
    let peers = rows.iter().filter(|row| row.role == Role::Peer);
    PLANES
        .into_iter()
        .flat_map(|resource| peers.clone().map(move |peer| (peer, resource)))
        .map(|(peer, resource)| {
            let (peer_saved, peer_over) = point(peer, resource);
            let within = own.iter().map(|own| point(own, resource)).filter(|(_, over)| *over <= peer_over);
            let best = within.max_by(|a, b| a.0.total_cmp(&b.0));
            AtEqualRisk {
                peer: peer.strategy.clone(),
                resource,
                peer_over,
                peer_saved,
                own_saved: best.map(|(saved, _)| saved),
                own_over: best.map(|(_, over)| over),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Figure, Figures};

    fn row(name: &str, role: Role, saved: f64, over: f64) -> Row {
        let figure = |value| Figure { value, low: value, high: value };
        let figures = Figures { saved: figure(saved), over: figure(over), churn: figure(0.0) };
        Row {
            strategy: name.to_owned(),
            about: "",
            role,
            cpu: figures,
            memory: figures,
            memory_with_kills: figures,
        }
    }

    #[test]
    fn a_peer_is_dominated_when_it_reserves_more_and_is_exceeded_no_less_often() {
        let rows = [
            row("kubeopt", Role::Own, 0.5, 0.05),
            row("worse", Role::Peer, 0.4, 0.05),
            row("riskier", Role::Peer, 0.6, 0.3),
            row("better", Role::Peer, 0.5, 0.04),
            row("same", Role::Peer, 0.5, 0.05),
        ];
        let found = dominances(&rows);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (&found[0].dominated[..], &found[0].dominated_by[..]),
            (&["worse".to_owned()][..], &["better".to_owned()][..])
        );
    }

    #[test]
    fn at_equal_risk_the_best_price_that_is_no_riskier_counts() {
        let rows = [
            row("kubeopt", Role::Own, 0.5, 0.05),
            row("risky", Role::Peer, 0.6, 0.3),
            row("safe", Role::Peer, 0.1, 0.01),
        ];
        let curve = [row("a", Role::Curve, 0.7, 0.29), row("b", Role::Curve, 0.8, 0.31)];
        let found = at_equal_risk(&rows, &curve);
        assert_eq!((found[0].own_saved, found[0].own_over), (Some(0.7), Some(0.29)));
        assert_eq!(found[1].own_saved, None);
        assert!(at_equal_risk(&rows, &[]).is_empty());
    }
}
