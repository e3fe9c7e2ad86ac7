//! A decision trace as text for a terminal. Decides nothing.

use std::fmt;

use kubeopt_model::ContainerUsage;
use kubeopt_model::finding::severity_word;
use kubeopt_model::recommendation::{Member, WhatIf};
use kubeopt_report::escape::terminal_line;
use kubeopt_report::figures::named;

use super::{Explained, ExplainedContainer};

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})", self.workload, self.workload.cluster)?;
        writeln!(f, "usage from {}", terminal_line(&self.metrics))?;
        for container in &self.containers {
            writeln!(f, "\ncontainer {}", container.container)?;
            if let Some(why) = &container.why_not {
                writeln!(f, "  nothing recommended: {}", terminal_line(&why.sentence()))?;
            }
            if let Some(usage) =
                container.member.as_ref().map(|member| &member.usage).or(container.usage.as_ref())
            {
                show_usage(f, usage)?;
                for sentence in kubeopt_report::nodes::of(usage, "") {
                    writeln!(f, "  {}", terminal_line(&sentence))?;
                }
            }
            if let Some(member) = &container.member {
                if let Some(outlook) = &container.outlook {
                    writeln!(f, "  load: {outlook}")?;
                }
                show_values(f, member)?;
            }
            for sentence in
                container.foretold.iter().flat_map(|foretold| kubeopt_report::ahead::of(foretold, ""))
            {
                writeln!(f, "  {}", terminal_line(&sentence))?;
            }
            show_confidence(f, container)?;
            for reason in &container.reasons {
                let mark = if reason.bound { "*" } else { " " };
                let text = terminal_line(&reason.text);
                writeln!(f, "  {mark} {:<15} {:<13} {text}", reason.field.to_string(), reason.rule)?;
            }
            if container.reasons.iter().any(|reason| reason.bound) {
                writeln!(f, "  (* decided the value)")?;
            }
            show_what_if(f, &container.what_if)?;
        }
        if !self.findings.is_empty() {
            writeln!(f, "\nfindings")?;
        }
        for finding in &self.findings {
            let severity = severity_word(finding.severity);
            writeln!(f, "  {severity:<9} {}", terminal_line(&finding.sentence().replace('`', "")))?;
            if let Some(why) = &finding.silenced {
                writeln!(
                    f,
                    "            silenced by {}: {}",
                    terminal_line(&why.by),
                    terminal_line(&why.reason)
                )?;
            }
        }
        Ok(())
    }
}

fn show_usage(f: &mut fmt::Formatter<'_>, usage: &ContainerUsage) -> fmt::Result {
    let of = |resource: &Option<kubeopt_model::usage::ResourceUsage>| {
        resource.as_ref().map_or("no samples".to_owned(), |used| {
            format!("{} samples, coverage {}", used.sketch.count(), used.coverage)
        })
    };
    writeln!(
        f,
        "  data: {:.1} of {:.0} days, {} pods; CPU {}; memory {}; {} OOM kills",
        usage.seen.days(),
        usage.window.days(),
        usage.pods,
        of(&usage.cpu),
        of(&usage.memory),
        usage.oom_kills.len(),
    )
}

/// `confidence: 0.93, 41 of 41 days (memory)`, and each resource on its own days.
fn show_confidence(f: &mut fmt::Formatter<'_>, container: &ExplainedContainer) -> fmt::Result {
    if let Some(member) = &container.member {
        match &member.confidence {
            Some(stated) => writeln!(f, "  confidence: {stated} ({})", named(stated.resource))?,
            None => writeln!(f, "  confidence: unknown, too few days tell")?,
        }
    }
    for own in &container.confidence {
        let days = format!("{} of {} past days held", own.held_days, own.days);
        writeln!(f, "    this rule on {}: {days}, at least {:.2}", named(own.resource), own.lower_bound)?;
    }
    Ok(())
}

fn show_values(f: &mut fmt::Formatter<'_>, member: &Member) -> fmt::Result {
    for field in kubeopt_model::Field::ALL {
        let (before, after) = (member.resources.before.get(field), member.resources.after.get(field));
        match (before, after) {
            (Some(before), Some(after)) if before != after => writeln!(f, "  {field}: {before} → {after}")?,
            (Some(before), None) => writeln!(f, "  {field}: {before} → removed")?,
            (Some(before), Some(_)) => writeln!(f, "  {field}: {before} stays")?,
            (None, Some(after)) => writeln!(f, "  {field}: not set → {after}")?,
            (None, None) => {}
        }
    }
    Ok(())
}

/// `requests.memory: 640Mi with sizing.memory.price: 50% instead of 100%`
fn show_what_if(f: &mut fmt::Formatter<'_>, what_if: &[WhatIf]) -> fmt::Result {
    if what_if.is_empty() {
        return Ok(());
    }
    writeln!(f, "  would change the outcome:")?;
    for one in what_if {
        let then = one.then.map_or("none".to_owned(), |then| then.to_string());
        let change = terminal_line(&one.change);
        writeln!(f, "    {:<15} {then} with {change}", one.field.to_string())?;
    }
    Ok(())
}
