//! How many connections there are: in total, and from one address. Source: O6.

use super::*;

/// A login of which the body does not come: nothing to be closed for somebody else.
const UNDER_WAY: &[u8] =
    b"POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";

fn metric(node: &Node, name: &str) -> u64 {
    let text = Client::connect(node.admin)
        .send("GET", "/metrics", &[], b"")
        .text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

#[test]
fn one_more_connection_takes_the_place_of_the_one_that_is_idle_longest() {
    let limits = Limits {
        connections: 4,
        ..Limits::default()
    };
    let (node, session) = node(limits);
    let mut open: Vec<Client> = (0..4).map(|_| node.client()).collect();
    for client in &mut open {
        assert_eq!(verify(client, &session).status, 200);
    }
    for _ in 0..8 {
        let mut next = node.client();
        assert_eq!(verify(&mut next, &session).status, 200);
        open.push(next);
    }
    // Eight were closed, and four are left, whichever they are.
    let left = open.into_iter().filter_map(|client| {
        let mut stream = client.into_stream();
        stream.write_all(verification(&session).as_bytes()).ok()?;
        let mut first = [0; 12];
        stream.read_exact(&mut first).ok()?;
        Some(first)
    });
    let left: Vec<_> = left.collect();
    assert_eq!(left, [*b"HTTP/1.1 200"; 4]);
    assert_eq!(metric(&node, "sessile_connections_replaced_total"), 8);
    assert_eq!(metric(&node, "sessile_connections_full_total"), 0);
}

#[test]
fn where_none_is_idle_one_more_is_turned_away_and_those_there_are_go_on() {
    let limits = Limits {
        connections: 4,
        body: Duration::from_secs(600),
        ..Limits::default()
    };
    let (node, session) = node(limits);
    // One whose head was not read yet is still idle, and gives way: until none is.
    let mut busy = Vec::new();
    while metric(&node, "sessile_connections_full_total") == 0 {
        let mut client = node.client();
        client.send_raw(UNDER_WAY);
        busy.push(client);
    }
    let said = until_closed(&mut node.client().into_stream());
    one_answer(&said, 503, "one more");
    assert!(said.contains("retry-after: 1"), "{said}");
    // They end, and there is room again.
    drop(busy);
    let served = (0..10_000).any(|_| {
        let mut stream = node.client().into_stream();
        drop(stream.write_all(verification(&session).as_bytes()));
        let mut first = [0; 12];
        stream.read_exact(&mut first).is_ok() && &first == b"HTTP/1.1 200"
    });
    assert!(served, "there is no room though all have gone");
}

#[test]
fn an_address_has_so_many_connections_unless_it_is_exempt() {
    let limits = Limits {
        per_address: 2,
        ..Limits::default()
    };
    let (node, session) = node(limits.clone());
    let mut open: Vec<Client> = (0..8).map(|_| node.client()).collect();
    for client in &mut open {
        assert_eq!(verify(client, &session).status, 200);
    }
    let limits = Limits {
        exempt: Vec::new(),
        ..limits
    };
    let (node, session) = self::node(limits);
    let served = |client: &mut Client| verify(client, &session).status;
    let (mut first, mut second) = (node.client(), node.client());
    assert_eq!((served(&mut first), served(&mut second)), (200, 200));
    let said = until_closed(&mut node.client().into_stream());
    one_answer(&said, 503, "a third");
    assert_eq!(metric(&node, "sessile_connections_crowded_total"), 1);
    assert_eq!((served(&mut first), served(&mut second)), (200, 200));
    drop(first);
    let again = (0..10_000).any(|_| {
        let mut stream = node.client().into_stream();
        drop(stream.write_all(verification(&session).as_bytes()));
        let mut first = [0; 12];
        stream.read_exact(&mut first).is_ok() && &first == b"HTTP/1.1 200"
    });
    assert!(again, "there is no room though one has gone");
    assert_eq!(served(&mut second), 200);
}
