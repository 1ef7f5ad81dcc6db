//! The state digest: one number for everything an engine holds.
//!
//! It is the sum of the digests of all records, and so independent of their order, of slots and of
//! the number of shards. Activity is left out: it reaches the log late and coarse (R9, R11).

use super::record::{Extra, Record};
use super::slot::SlotNumber;
use super::world::World;
use crate::session::account::Account;
use crate::session::client::Client;
use crate::session::id::ClientId;
use crate::session::profile::{Billing, Details, Profile};

/// Digest of a world, as 128 bits.
#[must_use]
pub fn of(world: &World) -> u128 {
    let mut sum = 0_u128;
    for number in SlotNumber::from(0) {
        let Some(slot) = world.slot_at(number) else {
            continue;
        };
        let slot = slot.read();
        for (_, record) in slot.records.iter() {
            sum = sum.wrapping_add(session(record, slot.extra(record)));
        }
        for (id, handoff) in &slot.handoffs {
            let mut line = Line::new("handoff");
            line.bytes(id.as_bytes()).bytes(handoff.session.as_bytes());
            line.number(u64::from(handoff.generation));
            line.number(handoff.issued.ms())
                .number(handoff.expires.ms());
            sum = sum.wrapping_add(line.finish());
        }
        for (id, client) in &slot.clients {
            sum = sum.wrapping_add(self::client(id, client));
        }
    }
    for (id, found) in world.accounts.page(None, usize::MAX) {
        sum = sum.wrapping_add(account(u64::from(id.0), &found));
    }
    for (id, key) in world.keys.page(None, usize::MAX) {
        let mut line = Line::new("key");
        line.number(u64::from(id.0))
            .text(key.kind.name())
            .text(&key.name)
            .bytes(key.secret.as_bytes());
        line.number(key.account.map_or(u64::MAX, |id| u64::from(id.0)))
            .number(u64::from(key.generation));
        line.number(key.expires_at.map_or(u64::MAX, |at| at.ms()));
        line.number(key.networks.len() as u64);
        for network in &key.networks {
            line.text(&network.to_string());
        }
        sum = sum.wrapping_add(line.finish());
    }
    for key in world.jwts.signing_keys() {
        let mut line = Line::new("signing key");
        line.text(&key.kid)
            .text(key.algorithm.name())
            .bytes(&key.pkcs8)
            .number(key.created.ms())
            .number(key.signs_from.ms())
            .number(key.expires.map_or(u64::MAX, |at| at.ms()));
        sum = sum.wrapping_add(line.finish());
    }
    for template in world.jwts.templates() {
        let mut line = Line::new("template");
        line.text(template.name())
            .text(template.claims())
            .text(template.algorithm().name())
            .number(u64::from(template.lifetime_s()))
            .number(u64::from(template.allowed_clock_skew_s()));
        sum = sum.wrapping_add(line.finish());
    }
    for (of, tally) in world.guesses.tallies() {
        let mut line = Line::new("failures");
        line.text(of.kind.name()).bytes(of.mark.as_bytes());
        line.number(u64::from(tally.recent))
            .number(u64::from(tally.consecutive))
            .number(tally.first.ms())
            .number(tally.last.ms());
        sum = sum.wrapping_add(line.finish());
    }
    for (id, known) in world.guesses.all_known() {
        let mut line = Line::new("known networks");
        line.number(u64::from(id.0));
        for network in known {
            line.bytes(network.mark.as_bytes())
                .number(network.seen.ms());
        }
        sum = sum.wrapping_add(line.finish());
    }
    sum
}

fn session(record: &Record, extra: Option<&Extra>) -> u128 {
    let mut line = Line::new("session");
    line.bytes(record.id.as_bytes())
        .number(u64::from(record.account.0))
        .number(u64::from(record.stamp));
    line.number(record.created().ms())
        .number(record.lifetime().absolute.ms());
    line.number(u64::from(record.lifetime().idle_timeout_ms));
    line.text(record.surface.name())
        .number(u64::from(record.factors.bits()));
    line.text(record.common_client_type().unwrap_or_default());
    line.number(record.plain_key().map_or(u64::MAX, |key| u64::from(key.0)));
    if let Some(extra) = extra {
        line.text(extra.client_type.as_ref().map_or("", |t| t.as_str()));
        line.number(extra.key.map_or(u64::MAX, |key| u64::from(key.0)));
        line.bytes(
            extra
                .client
                .as_ref()
                .map_or(&[][..], |id| &id.as_bytes()[..]),
        );
        line.bytes(
            extra
                .parent
                .as_ref()
                .map_or(&[][..], |id| &id.as_bytes()[..]),
        );
        line.number(extra.chain.len() as u64);
        for account in &extra.chain {
            line.number(u64::from(account.0));
        }
        line.text(&extra.address.map(|a| a.to_string()).unwrap_or_default());
        line.text(extra.user_agent.as_deref().unwrap_or_default());
        line.text(extra.attributes.as_deref().unwrap_or_default());
    }
    line.finish()
}

/// Without the last activity of the sessions that ended: it is theirs, and was left out there.
fn client(id: &ClientId, client: &Client) -> u128 {
    let mut line = Line::new("client");
    line.bytes(id.as_bytes()).number(client.opened.ms());
    line.number(client.changed.ms());
    let secret = client.secret.as_ref();
    line.bytes(secret.map_or(&[][..], |secret| &secret.as_bytes()[..]));
    if let Some(pending) = &client.sign_in {
        line.bytes(pending.id.as_bytes())
            .number(u64::from(pending.account.0))
            .number(u64::from(pending.generation))
            .number(u64::from(pending.factors.bits()))
            .number(u64::from(pending.remember))
            .number(pending.started.ms())
            .number(pending.expires.ms())
            .number(u64::from(pending.guesses));
    }
    let selected = client.selected.as_ref();
    line.bytes(selected.map_or(&[][..], |id| &id.as_bytes()[..]));
    line.number(client.sessions.len() as u64);
    for session in &client.sessions {
        line.bytes(session.as_bytes());
    }
    for session in &client.ended {
        line.bytes(session.id.as_bytes())
            .number(u64::from(session.account.0))
            .number(u64::from(session.factors.bits()))
            .number(session.created.ms())
            .number(session.absolute.ms())
            .text(session.reason.name())
            .number(session.ended.ms());
    }
    line.finish()
}

fn account(place: u64, account: &Account) -> u128 {
    let mut line = Line::new("account");
    line.number(place).text(account.username.as_str());
    line.text(account.external_subject.as_deref().unwrap_or_default());
    line.number(u64::from(account.generation));
    line.text(account.password.as_ref().map_or("", |hash| &hash.0));
    line.bytes(account.totp.as_ref().map_or(&[][..], |seed| &seed.0[..]));
    line.number(account.totp_step_spent)
        .text(account.client_type.as_str());
    line.text(account.group.as_deref().unwrap_or_default());
    line.number(account.managed_groups.len() as u64);
    for group in &account.managed_groups {
        line.text(group);
    }
    line.number(account.agent.map_or(u64::MAX, |id| u64::from(id.0)));
    let flags = [account.may_sudo, account.enabled, account.locked];
    line.bytes(&flags.map(u8::from));
    line.number(account.expires_at.map_or(u64::MAX, |at| at.ms()));
    line.number(account.max_sessions.map_or(u64::MAX, u64::from))
        .number(account.created.ms());
    line.number(account.updated.ms());
    profile(&mut line, &account.profile);
    line.finish()
}

fn profile(line: &mut Line, profile: &Profile) {
    line.text(&profile.email)
        .number(u64::from(profile.email_verified))
        .text(&profile.first_name)
        .text(&profile.last_name)
        .text(&profile.gender)
        .text(&profile.phone)
        .text(&profile.image_url)
        .number(u64::from(profile.access_level))
        .text(profile.trial_until.as_deref().unwrap_or_default())
        .text(&profile.public_metadata)
        .text(&profile.unsafe_metadata);
    line.number(u64::from(profile.details.is_some()));
    if let Some(details) = &profile.details {
        self::details(line, details);
    }
    line.number(u64::from(profile.billing.is_some()));
    if let Some(billing) = &profile.billing {
        self::billing(line, billing);
    }
}

fn details(line: &mut Line, of: &Details) {
    line.number(u64::from(of.account_type))
        .maybe_text(of.company_name.as_deref())
        .maybe_text(of.vat_number.as_deref())
        .maybe_text(of.coc_number.as_deref())
        .text(&of.first_name)
        .text(&of.last_name)
        .text(&of.address)
        .text(&of.street_number)
        .text(&of.zip_code)
        .text(&of.city)
        .text(&of.country_code)
        .text(&of.email_address)
        .maybe_text(of.unconfirmed_email.as_deref())
        .number(u64::from(of.unconfirmed_email_expires_at))
        .maybe_number(of.email_address_validated)
        .maybe_text(of.phone_number.as_deref())
        .maybe_text(of.phone_number_mobile.as_deref())
        .number(u64::from(of.language))
        .maybe_text(of.email_address_abuse.as_deref())
        .maybe_number(of.newsletter)
        .maybe_number(of.agree_toc)
        .maybe_number(of.agree_aup)
        .maybe_number(of.agree_dpa)
        .number(u64::from(of.is_allowed_flex_metal));
}

fn billing(line: &mut Line, of: &Billing) {
    line.text(&of.first_name)
        .text(&of.last_name)
        .text(&of.address)
        .text(&of.street_number)
        .text(&of.zip_code)
        .text(&of.city)
        .text(&of.country_code)
        .maybe_text(of.phone_number.as_deref())
        .maybe_text(of.phone_number_mobile.as_deref())
        .maybe_text(of.email_address_billing.as_deref())
        .number(u64::from(of.bundle_invoices_of_same_category))
        .number(u64::from(of.receive_payment_confirmations_via_email))
        .number(u64::from(of.preferred_payment_method));
}

/// Collects the fields of one record, each with its length, so that no two records look alike.
struct Line(blake3::Hasher);

impl Line {
    fn new(kind: &str) -> Self {
        let mut line = Self(blake3::Hasher::new());
        line.text(kind);
        line
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0
            .update(&(bytes.len() as u64).to_le_bytes())
            .update(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// A text, or that there is none: not the same as an empty one.
    fn maybe_text(&mut self, text: Option<&str>) -> &mut Self {
        self.number(u64::from(text.is_some()))
            .text(text.unwrap_or_default())
    }

    fn maybe_number(&mut self, number: Option<u32>) -> &mut Self {
        self.number(number.map_or(u64::MAX, u64::from))
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    fn finish(self) -> u128 {
        let hash = self.0.finalize();
        hash.as_bytes()
            .first_chunk::<16>()
            .map_or(0, |b| u128::from_le_bytes(*b))
    }
}
