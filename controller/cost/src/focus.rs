//! Costs as CSV: as a table, and with the column names of FOCUS 1.2 (FinOps Open Cost and Usage Specification).
//!
//! What kubeopt allocates is an estimate from list prices and not an invoice, so billed cost stays out; own columns begin
//! with `x_`, as the specification asks. Savings are no usage and never stand in these rows.

use kubeopt_model::{Resource, Timestamp};
use rust_decimal::Decimal;

use crate::allocation::{CostReport, CostRow, Line};

const FOCUS_HEADER: &str = "BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ChargeDescription,\
ServiceCategory,ServiceName,RegionId,ResourceId,ResourceName,ResourceType,SubAccountId,PricingCategory,PricingUnit,\
PricingQuantity,ListUnitPrice,ListCost,ContractedUnitPrice,ContractedCost,EffectiveCost,x_Basis,x_PriceDate,\
x_UsedCost,x_Estimated";

/// The rows of a report, with a header.
pub fn table_csv(report: &CostReport) -> String {
    let mut text =
        "name,cpuCost,memoryCost,totalCost,usedCost,monthlyCost,containers,unknownContainers,currency\n"
            .to_owned();
    for row in report.rows.iter().chain([&report.total]) {
        let CostRow { cpu_cost, memory_cost, total_cost, used_cost, monthly_cost, .. } = row;
        let money = [cpu_cost, memory_cost, total_cost, used_cost, monthly_cost];
        let mut cells = vec![quoted(&row.name)];
        cells.extend(money.map(|money| format!("{:.2}", money.to_cents().0)));
        cells.extend([
            row.containers.to_string(),
            row.unknown_containers.to_string(),
            report.currency.to_owned(),
        ]);
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// The lines of a report, one a container and resource, with the columns of FOCUS. `ListCost` is exactly `ListUnitPrice`
/// times `PricingQuantity`.
pub fn focus_csv(report: &CostReport) -> String {
    let mut text = format!("{FOCUS_HEADER}\n");
    let time =
        |unix_s| Timestamp::from_second(unix_s).map_or_else(|_| String::new(), |time| time.to_string());
    let period = (time(report.window.from_unix_s), time(report.window.to_unix_s));
    for line in &report.lines {
        text.push_str(&focus_row(line, &period, report.currency));
        text.push('\n');
    }
    text
}

fn focus_row(line: &Line, period: &(String, String), currency: &str) -> String {
    let (unit, what) = match line.resource {
        Resource::Cpu => ("Core-Hours", "CPU"),
        Resource::Memory => ("GiB-Hours", "memory"),
    };
    let workload = &line.container.workload;
    let times = |price: Decimal| (price * line.quantity_hours).normalize().to_string();
    let cells = [
        currency.to_owned(),
        period.0.clone(),
        period.1.clone(),
        "Usage".to_owned(),
        quoted(&format!("{what} that {} requested or used", line.container)),
        "Compute".to_owned(),
        "Kubernetes".to_owned(),
        quoted(line.region.as_deref().unwrap_or_default()),
        quoted(&format!("{}/{}", workload.cluster, line.container)),
        quoted(line.container.container.as_str()),
        "Container".to_owned(),
        quoted(&format!("{}/{}", workload.cluster, workload.namespace)),
        if line.spot { "Dynamic" } else { "Standard" }.to_owned(),
        unit.to_owned(),
        line.quantity_hours.normalize().to_string(),
        line.list_usd_per_hour.normalize().to_string(),
        times(line.list_usd_per_hour),
        line.usd_per_hour.normalize().to_string(),
        times(line.usd_per_hour),
        format!("{:.2}", line.cost.0),
        quoted(&line.basis.0),
        quoted(&line.basis.1),
        line.used.map_or_else(String::new, |used| format!("{:.2}", used.0)),
        "true".to_owned(),
    ];
    cells.join(",")
}

/// A cell as RFC 4180 has it. Text that a spreadsheet would run as a formula begins with an apostrophe.
fn quoted(text: &str) -> String {
    let text =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_in_its_cell_and_is_no_formula() {
        assert_eq!(quoted("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(quoted("payments/deploy/api"), "payments/deploy/api");
    }
}
