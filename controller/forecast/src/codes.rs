//! The codes of what users see from this crate; each is listed in docs/errors.md.

/// No hour was measured.
pub const NOTHING: &str = "E-FOR-001";
/// Too few hours.
pub const TOO_SHORT: &str = "E-FOR-002";
/// The file of the model.
pub const MODEL: &str = "E-FOR-003";
/// The card of the model.
pub const CARD: &str = "E-FOR-004";
/// No load to train or measure on.
pub const NO_LOADS: &str = "E-FOR-005";
/// The state of a training.
pub const STATE: &str = "E-FOR-006";

/// Every code of this crate with its meaning.
pub const CODES: &[(&str, &str)] = &[
    (NOTHING, "A container has no hour of measured usage to make a forecast from."),
    (TOO_SHORT, "A container has fewer hours of history than the network of forecasts looks at."),
    (MODEL, "The weights of the network of forecasts are damaged, or of another schema."),
    (CARD, "The card of the network of forecasts does not belong to its weights, or is not valid."),
    (NO_LOADS, "No recorded usage lasts long enough to train the network of forecasts, or to measure it."),
    (STATE, "An unfinished training of the network of forecasts cannot go on from its file."),
];
