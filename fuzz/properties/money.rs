//! An amount is exact, and is read in one way.

use palisade::money::Usd;

/// Reads a text as an amount, and writes an amount as a text.
pub fn check(data: &[u8]) {
    let (_, rest) = super::first(data);
    if let Some(text) = super::text(rest) {
        let read = text.parse::<Usd>();
        assert_eq!(read.map(Usd::nanos).ok(), naive(text), "{text:?}");
        if let Ok(amount) = read {
            let shown = amount.to_string();
            assert_eq!(shown.parse(), Ok(amount), "{text:?}");
            assert!(shown.len() <= text.len() || text.starts_with("-0"), "{text:?} is shown longer, as {shown}");
        }
    }
    if let Some(number) = rest.first_chunk::<16>() {
        // Whatever can be stored is shown, and what fits the reader's digits is read again.
        let amount = Usd::from_nanos(i128::from_be_bytes(*number) >> 40);
        assert_eq!(amount.to_string().parse(), Ok(amount));
        let any = Usd::from_nanos(i128::from_be_bytes(*number));
        assert_eq!(naive_any(&any.to_string()), Some(any.nanos()));
        check(&[&[0], super::altered(&amount.to_string(), &rest[16..]).as_bytes()].concat());
    }
}

/// Digit by digit, with what is known of decimals and not of this reader.
fn naive(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let plain = |part: &str, most| (1..=most).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
    (plain(whole, 18) && fraction.is_none_or(|fraction| plain(fraction, 9))).then(|| naive_any(text)).flatten()
}

fn naive_any(text: &str) -> Option<i128> {
    let negative = text.starts_with('-');
    let (whole, fraction) = text.trim_start_matches('-').split_once('.').unwrap_or((text.trim_start_matches('-'), ""));
    let nanos: i128 = format!("{}{whole}{fraction:0<9}", if negative { "-" } else { "" }).parse().ok()?;
    Some(nanos)
}
