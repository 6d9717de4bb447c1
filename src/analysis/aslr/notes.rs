//! One sentence for each region, for people who have not heard of entropy.

use super::{Place, Region, Spread, TOLERANCE, Verdict};

/// What came of a region, in words.
pub(super) fn sentence(region: &Region, spread: &Spread, page_size: u64) -> String {
    let sentence = match (region.verdict, region.promise.bits) {
        (None, _) => "One run does not tell whether it varies.".to_owned(),
        (Some(Verdict::Fixed), Some(0)) => format!("{}: {}.", always(region, spread), region.promise.by),
        (Some(Verdict::Fixed), Some(bits)) => {
            format!("{}, though {} promised.", always(region, spread), of_bits(bits))
        }
        (Some(Verdict::Fixed), None) => {
            format!("{}; what is promised is not known: {}.", always(region, spread), region.promise.by)
        }
        (Some(Verdict::Weak), promised) => weak(region, spread, promised.unwrap_or(0), page_size),
        (Some(Verdict::Random), None) => format!("It varies; what is promised is not known: {}.", region.promise.by),
        (Some(Verdict::Random), Some(0)) => format!("It varies, though it need not: {}.", region.promise.by),
        (Some(Verdict::Random), Some(_)) if region.bits.is_none() => {
            "It varies; fewer than 8 runs do not tell by how many bits.".to_owned()
        }
        (Some(Verdict::Random), Some(_)) => "It varies as much as the kernel promises.".to_owned(),
    };
    let (with, all) = (spread.count, region.addresses.len());
    if with < all { format!("{sentence} Only {with} of {all} runs have it.") } else { sentence }
}

fn always(region: &Region, spread: &Spread) -> String {
    let same = match region.place {
        Place::Heap if region.relative => "It begins at the same distance from the executable",
        _ => "It has the same address",
    };
    format!("{same} in all {} runs", spread.count)
}

fn of_bits(bits: u32) -> String {
    if bits == 1 { "1 bit is".to_owned() } else { format!("{bits} bits are") }
}

fn weak(region: &Region, spread: &Spread, promised: u32, page_size: u64) -> String {
    let bits = spread.bits.unwrap_or(0.0);
    let lost = spread.alignment.map_or(0, |alignment| (alignment / page_size.max(1)).max(1).ilog2());
    match spread.alignment {
        Some(alignment) if bits + f64::from(lost) > f64::from(promised) - TOLERANCE => format!(
            "Its addresses differ by multiples of {}, so that {lost} of the {promised} promised bits are lost.",
            size(alignment)
        ),
        _ => format!(
            "It varies by about {bits:.0} of the {promised} promised bits: {} addresses in {} runs{}.",
            region.distinct,
            spread.count,
            match spread.alignment {
                Some(alignment) if lost > 0 => format!(", apart by multiples of {}", size(alignment)),
                _ => String::new(),
            }
        ),
    }
}

/// A power of two of bytes.
fn size(bytes: u64) -> String {
    let unit = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")].into_iter().find(|(shift, _)| bytes >> shift > 0);
    unit.map_or_else(|| format!("{bytes} bytes"), |(shift, unit)| format!("{} {unit}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::{super::Promise, *};

    fn said(addresses: &[u64], promised: Option<u32>, by: &str) -> String {
        let spread = Spread::of(addresses.iter().copied());
        let region = Region {
            place: Place::Mmap,
            relative: false,
            addresses: addresses.iter().map(|address| Some(*address)).collect(),
            distinct: spread.distinct,
            alignment: spread.alignment,
            bits: spread.bits,
            promise: Promise { bits: promised, by: by.to_owned() },
            verdict: spread.verdict(promised),
            note: String::new(),
        };
        sentence(&region, &spread, 4096)
    }

    #[test]
    fn sentences_say_what_is_lost_and_why() {
        let by = |step: u64| (0..64).map(|run| 0x7f00_0000_0000 + run * step).collect::<Vec<_>>();
        assert_eq!(
            said(&by(2 << 20), Some(15), ""),
            "Its addresses differ by multiples of 2 MiB, so that 9 of the 15 promised bits are lost."
        );
        assert_eq!(
            said(&by(4096), Some(28), ""),
            "It varies by about 6 of the 28 promised bits: 64 addresses in 64 runs."
        );
        assert_eq!(
            said(&by(8192), Some(28), ""),
            "It varies by about 6 of the 28 promised bits: 64 addresses in 64 runs, apart by multiples of 8 KiB."
        );
        assert_eq!(said(&by(4096), Some(6), ""), "It varies as much as the kernel promises.");
        assert_eq!(said(&by(4096)[..3], Some(6), ""), "It varies; fewer than 8 runs do not tell by how many bits.");
        assert_eq!(said(&by(0), Some(0), "reason"), "It has the same address in all 64 runs: reason.");
        assert_eq!(said(&by(0), Some(28), ""), "It has the same address in all 64 runs, though 28 bits are promised.");
        assert_eq!(said(&by(0)[..1], Some(28), ""), "One run does not tell whether it varies.");
        assert_eq!(said(&by(4096), None, "denied"), "It varies; what is promised is not known: denied.");
    }

    #[test]
    fn a_region_that_runs_lack_is_said_to() {
        let spread = Spread::of([1, 1].into_iter());
        let mut region = Region {
            place: Place::Vdso,
            relative: false,
            addresses: vec![Some(1), None, Some(1)],
            distinct: 1,
            alignment: None,
            bits: None,
            promise: Promise { bits: Some(0), by: "off".to_owned() },
            verdict: Some(Verdict::Fixed),
            note: String::new(),
        };
        let note = sentence(&region, &spread, 4096);
        assert_eq!(note, "It has the same address in all 2 runs: off. Only 2 of 3 runs have it.");
        region.addresses.pop();
        region.addresses[1] = Some(1);
        assert_eq!(sentence(&region, &spread, 4096), "It has the same address in all 2 runs: off.");
    }
}
