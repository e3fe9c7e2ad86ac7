//! What requested capacity costs a month. This is the chargeback number; what leaves the bill is another question.

use kubeopt_model::cost::Money;
use kubeopt_model::{Amount, CapacityCost, Change, Prices, Resource, Resources};

/// Cost of the effective requests of `replicas` pods, before and after, each part rounded to the cent.
pub fn capacity_cost(resources: &Change<Resources>, replicas: u32, prices: &Prices) -> CapacityCost {
    let Change { before, after } = (*resources).map(|side| month(&side, replicas, prices));
    CapacityCost { before, after }
}

fn month(resources: &Resources, replicas: u32, prices: &Prices) -> Money {
    [Resource::Cpu, Resource::Memory]
        .into_iter()
        .filter_map(|resource| resources.effective_request(resource))
        .map(|amount| match amount {
            Amount::Cpu(cpu) => prices.cpu_month(cpu, replicas).to_cents(),
            Amount::Memory(memory) => prices.memory_month(memory, replicas).to_cents(),
        })
        .sum()
}
