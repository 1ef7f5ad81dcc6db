//! The country of an address, from the operator's own database in the MMDB format.
//!
//! This room reads bytes that it is handed and opens no file. It must never know who asks or why; no
//! decision is taken on a country. What is not in the database, and what no database can know (private
//! addresses), has none.
//!
//! Both usual layouts are read: `country.iso_code` beside `country.names.en`, and a flat `country_code`
//! with or without a name. Source: V-22.

mod names;

use std::net::IpAddr;
use std::sync::Arc;

use compact_str::CompactString;

/// Bytes a database may have: it is kept in memory.
pub const DATABASE_BYTES_MAX: u64 = 1 << 30;

/// A country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country {
    /// Its English name.
    pub name: CompactString,
    /// Its ISO 3166 alpha-2 code.
    pub code: CompactString,
}

/// Why a database cannot be used. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The bytes are no database.
    #[error("this is no MMDB database: {0}")]
    Unreadable(String),
    /// The program was built without the feature.
    #[error("this program was built without the feature geoip")]
    NotBuiltIn,
}

/// The countries that are known at the moment: those of the database that was loaded last.
#[derive(Clone, Default)]
pub struct Countries(Arc<arc_swap::ArcSwapOption<Database>>);

impl Countries {
    /// From now on addresses are looked up in this database. After an error the one before stays.
    pub fn load(&self, bytes: Vec<u8>) -> Result<(), GeoError> {
        self.0.store(Some(Arc::new(Database::read(bytes)?)));
        Ok(())
    }

    /// The country of an address, if it has one and the database knows it.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<Country> {
        let database = self.0.load();
        let database = database.as_ref()?;
        let address = address.to_canonical();
        is_public(address).then(|| database.country(address))?
    }
}

impl std::fmt::Debug for Countries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Countries(..)")
    }
}

/// Whether an address may be somebody's on the Internet; addresses of documentation count as such.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}

/// The country with this code; the name is the table's if the database has none.
fn country(code: &str, name: Option<&str>) -> Option<Country> {
    let fine = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    let name = name.filter(|name| !name.is_empty());
    let name = name.or_else(|| names::name(code)).unwrap_or("Unknown");
    fine.then(|| Country {
        name: name.into(),
        code: code.into(),
    })
}

#[cfg(not(feature = "geoip"))]
struct Database;

#[cfg(not(feature = "geoip"))]
impl Database {
    fn read(_: Vec<u8>) -> Result<Self, GeoError> {
        let _ = country;
        Err(GeoError::NotBuiltIn)
    }

    fn country(&self, _: IpAddr) -> Option<Country> {
        None
    }
}

#[cfg(feature = "geoip")]
struct Database(maxminddb::Reader<Vec<u8>>);

#[cfg(feature = "geoip")]
impl Database {
    fn read(bytes: Vec<u8>) -> Result<Self, GeoError> {
        let reader = maxminddb::Reader::from_source(bytes);
        reader
            .map(Self)
            .map_err(|error| GeoError::Unreadable(error.to_string()))
    }

    fn country(&self, address: IpAddr) -> Option<Country> {
        // A record that cannot be read is as good as none.
        let found = self.0.lookup(address).ok()?;
        found.decode::<layout::Entry<'_>>().ok()??.country()
    }
}

#[cfg(feature = "geoip")]
mod layout {
    //! What the records of both layouts have in common: the members that matter, all of them optional.

    use serde::Deserialize;

    use super::Country;

    #[derive(Deserialize)]
    pub(super) struct Entry<'a> {
        #[serde(borrow)]
        country: Option<Named<'a>>,
        country_code: Option<&'a str>,
        country_name: Option<&'a str>,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Named<'a> {
        Nested {
            iso_code: Option<&'a str>,
            #[serde(borrow)]
            names: Option<Names<'a>>,
        },
        Flat(&'a str),
    }

    #[derive(Deserialize)]
    struct Names<'a> {
        en: Option<&'a str>,
    }

    impl Entry<'_> {
        pub(super) fn country(&self) -> Option<Country> {
            let (code, name) = match &self.country {
                Some(Named::Nested { iso_code, names }) => {
                    (*iso_code, names.as_ref().and_then(|names| names.en))
                }
                // Beside a code it is the name; alone it is the code.
                Some(Named::Flat(text)) if self.country_code.is_some() => (None, Some(*text)),
                Some(Named::Flat(text)) => (Some(*text), None),
                None => (None, None),
            };
            super::country(self.country_code.or(code)?, self.country_name.or(name))
        }
    }
}

#[cfg(all(test, feature = "geoip"))]
mod tests {
    use super::*;

    const NESTED: &[u8] = include_bytes!("../../tests/vectors/countries-nested.mmdb");
    const FLAT: &[u8] = include_bytes!("../../tests/vectors/countries-flat.mmdb");

    fn shown(countries: &Countries, address: &str) -> Option<(String, String)> {
        let found = countries.of(address.parse().ok()?)?;
        Some((found.code.to_string(), found.name.to_string()))
    }

    #[test]
    fn both_layouts_are_read() {
        let pair = |code: &str, name: &str| Some((code.to_owned(), name.to_owned()));
        let countries = Countries::default();
        assert_eq!(shown(&countries, "203.0.113.1"), None);
        countries.load(NESTED.to_vec()).unwrap();
        for (address, expected) in [
            ("203.0.113.1", pair("NL", "The Netherlands")),
            ("::ffff:203.0.113.1", pair("NL", "The Netherlands")),
            ("198.51.100.255", pair("DE", "Germany")),
            ("2001:db8:1::9", pair("JP", "Japan")),
            // Known, but without a country; private, whatever the database says; not known.
            ("192.0.2.1", None),
            ("10.1.2.3", None),
            ("127.0.0.1", None),
            ("8.8.8.8", None),
            ("2001:db8:2::9", None),
            ("fd00::1", None),
        ] {
            assert_eq!(shown(&countries, address), expected, "{address}");
        }
        countries.load(FLAT.to_vec()).unwrap();
        for (address, expected) in [
            ("203.0.113.1", pair("BE", "Belgium")),
            ("198.51.100.1", pair("DE", "Germany (told)")),
            ("192.0.2.1", pair("JP", "Japan")),
            ("192.0.2.200", None),
        ] {
            assert_eq!(shown(&countries, address), expected, "{address}");
        }
    }

    #[test]
    fn what_is_no_database_leaves_the_one_before() {
        let countries = Countries::default();
        countries.load(FLAT.to_vec()).unwrap();
        for bad in [
            &b""[..],
            b"not a database",
            FLAT.get(..200).unwrap_or_default(),
        ] {
            assert!(countries.load(bad.to_vec()).is_err());
        }
        assert!(shown(&countries, "203.0.113.1").is_some());
    }
}
