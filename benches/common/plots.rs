//! Plots for the documents: `docs/plots/`, drawn by the same means as the load generator's.
//!
//! Only with `--plots`: whoever tries something out leaves the documents as they are.

use std::path::Path;

use anyhow::{Context, Result};
use sessile::bench::plot::{Bar, Plot, svg};

use super::stats::Spread;

/// A bar as high as the median, with the quartiles.
pub(crate) fn spread(name: impl Into<String>, of: Spread) -> Bar {
    Bar {
        name: name.into(),
        value: of.median,
        spread: Some((of.lower_quartile, of.upper_quartile)),
    }
}

/// A bar of one figure.
pub(crate) fn bar(name: impl Into<String>, value: f64) -> Bar {
    Bar {
        name: name.into(),
        value,
        spread: None,
    }
}

/// Writes a page of plots as `docs/plots/NAME.svg`, in place of the one that is there.
///
/// Errors: it cannot be drawn or written.
pub(crate) fn save(name: &str, plots: &[Plot]) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plots");
    let file = folder.join(format!("{name}.svg"));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(&file, svg(plots)? + "\n").with_context(|| file.display().to_string())?;
    println!("written: docs/plots/{name}.svg");
    Ok(())
}
