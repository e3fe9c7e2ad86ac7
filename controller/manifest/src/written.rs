//! How an amount is written in the notation of what stood there before.
//!
//! Amounts in, text out. What the amount shall be is decided elsewhere.

use kubeopt_model::{Amount, MilliCores};

/// Millicores of a core.
const CORE: u64 = 1000;

/// The amount in the notation of what stood there: whole cores stay whole cores (`2` becomes `3`, not `3000m`). Values
/// of charts are kept closer still, because a template may rely on the form: bytes without a suffix stay without, and
/// `0.5` becomes `0.31`.
/// `wish` is how a person wrote the amount: it is taken as it is, unless a template may rely on a plain number.
pub(crate) fn written(before: &str, after: Amount, wish: Option<&str>, in_values: bool) -> String {
    let is_understood = |wish: &&str| {
        Amount::parse(after.resource(), wish) == Ok(after)
            && (!in_values || !is_number(before) || is_number(wish))
    };
    if let Some(wish) = wish.filter(is_understood) {
        return wish.to_owned();
    }
    match after {
        Amount::Cpu(cpu) if !before.ends_with('m') && cpu.0 >= CORE && cpu.0.is_multiple_of(CORE) => {
            (cpu.0 / CORE).to_string()
        }
        Amount::Cpu(cpu) if in_values && before.contains('.') && is_number(before) => cores(cpu),
        Amount::Memory(bytes) if in_values && is_number(before) => bytes.0.to_string(),
        Amount::Cpu(_) | Amount::Memory(_) => after.to_string(),
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Cores with as many decimals as are needed: `0.31`.
fn cores(cpu: MilliCores) -> String {
    let text = format!("{}.{:03}", cpu.0 / CORE, cpu.0 % CORE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::Resource;

    use super::*;

    #[test]
    fn the_notation_is_kept_where_it_can_be() {
        for (resource, before, after, manifest, values) in [
            (Resource::Cpu, "2", "3", "3", "3"),
            (Resource::Cpu, "1000m", "2", "2000m", "2000m"),
            (Resource::Cpu, "1", "310m", "310m", "310m"),
            (Resource::Cpu, "0.5", "310m", "310m", "0.31"),
            (Resource::Cpu, "0.5", "2", "2", "2"),
            (Resource::Memory, "512Mi", "1Gi", "1Gi", "1Gi"),
            (Resource::Memory, "1Gi", "1184Mi", "1184Mi", "1184Mi"),
            (Resource::Memory, "134217728", "256Mi", "256Mi", "268435456"),
            (Resource::Memory, "1e9", "256Mi", "256Mi", "256Mi"),
            (Resource::Memory, "512M", "1Gi", "1Gi", "1Gi"),
        ] {
            let after = Amount::parse(resource, after).expect("a quantity");
            assert_eq!(written(before, after, None, false), manifest, "{before}");
            assert_eq!(written(before, after, None, true), values, "{before}");
        }
    }

    #[test]
    fn what_a_person_wrote_stands_as_it_was_written_unless_a_template_may_rely_on_a_number() {
        let cases = [
            (Resource::Cpu, "173m", "1", "1", "1"),
            (Resource::Cpu, "173m", "1000m", "1000m", "1000m"),
            (Resource::Cpu, "2", "1500m", "1500m", "1500m"),
            (Resource::Cpu, "0.173", "0.5", "0.5", "0.5"),
            (Resource::Cpu, "0.5", "250m", "250m", "0.25"),
            (Resource::Memory, "1Gi", "1024Mi", "1024Mi", "1024Mi"),
            (Resource::Memory, "134217728", "256Mi", "256Mi", "268435456"),
            (Resource::Memory, "64Mi", "1e9", "1e9", "1e9"),
        ];
        for (resource, before, wish, manifest, values) in cases {
            let after = Amount::parse(resource, wish).expect("a quantity");
            assert_eq!(written(before, after, Some(wish), false), manifest, "{before}");
            assert_eq!(written(before, after, Some(wish), true), values, "{before}");
        }
        let other = Amount::parse(Resource::Cpu, "2").expect("a quantity");
        assert_eq!(written("1", other, Some("3"), false), "2", "a text that is not the amount is not taken");
    }
}
