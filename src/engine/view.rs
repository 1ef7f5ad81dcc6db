//! A live session as a reader sees it: borrowed, for as long as its slot is locked.

use std::net::IpAddr;

use super::record::{Extra, Record};
use crate::session::account::Account;
use crate::session::id::{AccountId, ClientId, KeyId, SessionId};
use crate::session::state::{Factors, Surface};
use crate::session::time::Timestamp;

/// A session that was judged live.
#[derive(Clone, Copy)]
pub struct SessionView<'a> {
    record: &'a Record,
    extra: Option<&'a Extra>,
    /// Whose it is.
    pub account: &'a Account,
}

impl<'a> SessionView<'a> {
    pub(super) fn new(record: &'a Record, extra: Option<&'a Extra>, account: &'a Account) -> Self {
        Self {
            record,
            extra,
            account,
        }
    }

    /// Its public id.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.record.id
    }

    /// Where it was issued.
    #[must_use]
    pub fn surface(&self) -> Surface {
        self.record.surface
    }

    /// Whose it is.
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        self.record.account
    }

    /// The account's generation it is stamped with.
    #[must_use]
    pub fn stamp(&self) -> u32 {
        self.record.stamp
    }

    /// What its metadata says of the kind of client.
    #[must_use]
    pub fn client_type(&self) -> &'a str {
        let own = self.extra.and_then(|extra| extra.client_type.as_ref());
        self.record
            .common_client_type()
            .or(own.map(|t| t.as_str()))
            .unwrap_or_default()
    }

    /// The key it was opened with.
    #[must_use]
    pub fn key(&self) -> Option<KeyId> {
        self.record.plain_key().or_else(|| self.extra?.key)
    }

    /// The client it belongs to.
    #[must_use]
    pub fn client(&self) -> Option<ClientId> {
        self.extra?.client
    }

    /// What was proven when it was opened.
    #[must_use]
    pub fn factors(&self) -> Factors {
        self.record.factors
    }

    /// When it was opened.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.record.created()
    }

    /// When it was last active.
    #[must_use]
    pub fn last_active(&self) -> Timestamp {
        self.record.activity.last_active()
    }

    /// When it ends if nothing touches it.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.record.deadline()
    }

    /// When it ends whatever happens.
    #[must_use]
    pub fn absolute(&self) -> Timestamp {
        self.record.lifetime().absolute
    }

    /// The session it was opened from by impersonation.
    #[must_use]
    pub fn parent(&self) -> Option<SessionId> {
        self.extra?.parent
    }

    /// The accounts of its impersonation, the first actor first.
    #[must_use]
    pub fn chain(&self) -> &'a [AccountId] {
        self.extra.map_or(&[], |extra| &extra.chain)
    }

    /// The address it was opened from.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.extra?.address
    }

    /// The agent it was opened with.
    #[must_use]
    pub fn user_agent(&self) -> Option<&'a str> {
        self.extra?.user_agent.as_deref()
    }

    /// The JSON object its issuer wanted kept.
    #[must_use]
    pub fn attributes(&self) -> Option<&'a str> {
        self.extra?.attributes.as_deref()
    }
}
