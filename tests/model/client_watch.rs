//! Reads clients and keys from the engine, as readers do, and compares them with the model.

use std::net::{IpAddr, Ipv4Addr};

use sessile::engine::clients::ClientView;
use sessile::engine::keys::PrivateToken;
use sessile::session::id::ClientId;
use sessile::session::key::KeyKind;

use crate::ensure;
use crate::model::{Key, Model};
use crate::names::{Guest, guests, install_key};
use crate::trial::Trial;

type Checked = Result<(), String>;

impl Trial {
    /// Every client that was ever seen, and who stands behind every key.
    pub(crate) fn compare_clients(&self) -> Checked {
        let (world, model, now) = (&self.driver.world, &self.model, self.now);
        for id in &self.stage.clients {
            world.with_client(*id, now, |view| match (view, model.clients.get(id)) {
                (None, None) => Ok(()),
                (Some(view), Some(_)) => self.shows_client(*id, &view),
                (view, _) => Err(format!("{id} exists: {}", view.is_some())),
            })?;
        }
        let key = install_key();
        for guest in guests() {
            for last in [1, 2] {
                let address = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
                let secret = guest.text.as_bytes();
                let keys = &world.keys;
                let found = keys.private_token(&world.accounts, &key, secret, address, now);
                let expected = self.behind(guest, last == 1);
                let text = &guest.text;
                ensure!(
                    found == expected,
                    "behind {text} from {address:?} is {found:?}, not {expected:?}"
                );
            }
        }
        Ok(())
    }

    /// Who stands behind an i3D key. Source: R8.
    fn behind(&self, guest: &Guest, at_home: bool) -> Option<PrivateToken> {
        let model = &self.model;
        let named = |key: &&Key| key.secret == guest.digest && key.kind != KeyKind::Xdata;
        let key = model.keys.values().find(named)?;
        let good = key
            .account
            .is_none_or(|a| model.account_lets(a, key.generation))
            && key.expires_at.is_none_or(|at| self.now < at)
            && (at_home || !key.walled);
        let behind = match key.kind {
            KeyKind::I3dGuest => PrivateToken::Guest(key.client()),
            KeyKind::I3d | KeyKind::Xdata => PrivateToken::Account(key.account?),
        };
        good.then_some(behind)
    }

    fn shows_client(&self, id: ClientId, view: &ClientView<'_>) -> Checked {
        let (model, now) = (&self.model, self.now);
        let client = model.clients.get(&id).ok_or("it is gone")?;
        let kept = (view.record.opened, view.record.changed, view.record.secret);
        let keeps = (client.opened, client.changed, client.secret);
        ensure!(kept == keeps, "{id} keeps {kept:?}, not {keeps:?}");
        ensure!(
            view.record.sign_in == client.sign_in,
            "{id} has {:?}, not {:?}",
            view.record.sign_in,
            client.sign_in
        );
        let (open, opens) = (view.sign_in().copied(), model.pending(id, now));
        ensure!(open == opens, "{id} lets {open:?} go on, not {opens:?}");
        let chosen = client.selected.filter(|id| model.live(*id, now));
        let selected = view.selected();
        ensure!(selected == chosen, "{id}: {selected:?}, not {chosen:?}");
        let listed: Vec<_> = view.sessions().collect();
        let listing = model.listed(id, now);
        let shown: Vec<_> = listed.iter().map(|s| Some((s.id, s.status?))).collect();
        let shows: Vec<_> = listing.iter().copied().map(Some).collect();
        ensure!(shown == shows, "{id} lists {shown:?}, not {shows:?}");
        for shown in listed {
            let session = model.sessions.get(&shown.id).ok_or("never opened")?;
            let told = (
                shown.account,
                shown.factors,
                shown.created,
                shown.last_active,
                shown.absolute,
            );
            let tells = (
                session.grant.account,
                session.grant.factors,
                session.created,
                session.last_active,
                session.grant.lifetime.absolute,
            );
            ensure!(told == tells, "{}: {told:?}, not {tells:?}", shown.id);
            let ends = client.ended.iter().find(|(ended, ..)| *ended == shown.id);
            let at = ends.map(|(.., at)| *at);
            ensure!(shown.ended == at, "{} ended {:?}", shown.id, shown.ended);
        }
        ensure!(client.ended.len() <= 10, "{id} remembers too many");
        let live = client.sessions.iter().filter(|id| model.live(**id, now));
        let bound = if Model::is_guest(id) { 1 } else { 10 };
        ensure!(live.count() <= bound, "{id} has too many live sessions");
        Ok(())
    }
}
