//! Who is logged in.

use sessile::http::address::TrustedProxies;
use sessile::http::surroundings::Surroundings;

use super::*;

/// What is answered for an account of which nothing is known, asked from loopback.
const BARE: &str = concat!(
    r#"{"userId":1,"userName":"alice","email":"","firstName":"","lastName":"","gender":"","phone":"","#,
    r#""accessLevel":10,"validateEmail":0,"isTrialAccount":0,"trialAccountExpirationDate":"","#,
    r#""requestIp":"127.0.0.1","requestIpCountry":"Unknown","requestIpCountryCode":"ZZ","details":{"#,
    r#""accountType":1,"companyName":null,"vatNumber":null,"cocNumber":null,"firstName":"","#,
    r#""lastName":"","address":"","streetNumber":"","zipCode":"","city":"","countryCode":"","#,
    r#""emailAddress":"","unconfirmedEmail":null,"emailAddressValidated":null,"phoneNumber":null,"#,
    r#""phoneNumberMobile":null,"language":0,"emailAddressAbuse":null,"newsletter":null,"#,
    r#""agreeToc":null,"agreeAup":null,"agreeDpa":null,"isAllowedFlexMetal":0},"billingDetails":{"#,
    r#""firstName":"","lastName":"","address":"","streetNumber":"","zipCode":"","city":"","#,
    r#""countryCode":"","phoneNumber":null,"phoneNumberMobile":null,"emailAddressBilling":null,"#,
    r#""bundleInvoicesOfSameCategory":0,"receivePaymentConfirmationsViaEmail":0,"#,
    r#""preferredPaymentMethod":0}}"#,
);

#[test]
fn a_user_of_whom_nothing_is_known_is_shown_whole() {
    rows!("V-17", "V-18", "V-19", "V-20", "V-21", "V-22");
    let node = node(&["alice"]);
    let key = guest(&node);
    complete(&log_in(&node, &key, "alice", PASSWORD));
    let shown = user(&node, &key);
    ok(&shown);
    assert_eq!(shown.text(), BARE);
}

#[test]
fn the_profile_is_shown_member_by_member() {
    rows!("V-18", "V-19", "V-20");
    let node = Node::start(Setup::default());
    let details = json!({
        "account_type": 2, "company_name": "Acme \"B.V.\"", "vat_number": "NL1", "coc_number": "",
        "first_name": "A", "last_name": "B", "address": "Street", "street_number": "1a",
        "zip_code": "1234 AB", "city": "Rotterdam", "country_code": "NL",
        "email_address": "b@example.test", "unconfirmed_email": "c@example.test",
        "unconfirmed_email_expires_at": 1_800_000_000, "email_address_validated": 1,
        "phone_number": "+31 1", "phone_number_mobile": "+31 2", "language": 1,
        "email_address_abuse": "abuse@example.test", "newsletter": 0, "agree_toc": 1,
        "agree_aup": 2, "agree_dpa": 3, "is_allowed_flex_metal": 4,
    });
    let billing = json!({
        "first_name": "I", "last_name": "J", "address": "K", "street_number": "2",
        "zip_code": "Z", "city": "L", "country_code": "DE", "phone_number": "3",
        "phone_number_mobile": "4", "email_address_billing": "bill@example.test",
        "bundle_invoices_of_same_category": 1, "receive_payment_confirmations_via_email": 2,
        "preferred_payment_method": 5,
    });
    let profile = json!({
        "email": "alice@example.test", "email_verified": true, "first_name": "Zo\u{eb}",
        "last_name": "\u{6f22}", "gender": "female", "phone": "+31 0", "access_level": 20,
        "trial_until": "2026-02-28", "details": details, "billing": billing,
    });
    node.account("alice", json!({"profile": profile}));
    let shown = ok(&user(&node, &account_key(&node, "alice")));
    let wanted = json!({
        "userId": 1, "userName": "alice", "email": "alice@example.test", "firstName": "Zo\u{eb}",
        "lastName": "\u{6f22}", "gender": "female", "phone": "+31 0", "accessLevel": 20,
        "validateEmail": 1, "isTrialAccount": 1, "trialAccountExpirationDate": "2026-02-28",
        "requestIp": "127.0.0.1", "requestIpCountry": "Unknown", "requestIpCountryCode": "ZZ",
        "details": {
            "accountType": 2, "companyName": "Acme \"B.V.\"", "vatNumber": "NL1", "cocNumber": "",
            "firstName": "A", "lastName": "B", "address": "Street", "streetNumber": "1a",
            "zipCode": "1234 AB", "city": "Rotterdam", "countryCode": "NL",
            "emailAddress": "b@example.test",
            "unconfirmedEmail": {"email": "c@example.test", "expiresAt": 1_800_000_000},
            "emailAddressValidated": 1, "phoneNumber": "+31 1", "phoneNumberMobile": "+31 2",
            "language": 1, "emailAddressAbuse": "abuse@example.test", "newsletter": 0,
            "agreeToc": 1, "agreeAup": 2, "agreeDpa": 3, "isAllowedFlexMetal": 4,
        },
        "billingDetails": {
            "firstName": "I", "lastName": "J", "address": "K", "streetNumber": "2",
            "zipCode": "Z", "city": "L", "countryCode": "DE", "phoneNumber": "3",
            "phoneNumberMobile": "4", "emailAddressBilling": "bill@example.test",
            "bundleInvoicesOfSameCategory": 1, "receivePaymentConfirmationsViaEmail": 2,
            "preferredPaymentMethod": 5,
        },
    });
    assert_eq!(shown, wanted);
}

#[test]
fn without_details_the_profile_stands_in() {
    rows!("V-19", "V-20");
    let node = Node::start(Setup::default());
    let profile = json!({"first_name": "A", "last_name": "B", "email": "a@example.test"});
    node.account("alice", json!({"profile": profile}));
    let key = account_key(&node, "alice");
    let shown = ok(&user(&node, &key));
    let (details, billing) = (&shown["details"], &shown["billingDetails"]);
    for object in [details, billing] {
        assert_eq!(
            (&object["firstName"], &object["lastName"]),
            (&json!("A"), &json!("B"))
        );
    }
    assert_eq!(details["emailAddress"], "a@example.test");
    // Details of its own are what they are, empty or not.
    let patch = json!({"profile": {"details": {"city": "Rotterdam"}, "billing": {}}});
    node.administer("PATCH", "/admin/v1/accounts/alice", patch);
    let shown = ok(&user(&node, &key));
    assert_eq!(shown["details"]["city"], "Rotterdam");
    for object in [&shown["details"], &shown["billingDetails"]] {
        assert_eq!(object["firstName"], "");
    }
}

#[test]
fn the_address_of_the_request_is_shown() {
    rows!("V-10", "V-21", "V-22");
    let proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let node = Node::start(Setup {
        surroundings: Surroundings {
            proxies,
            ..Surroundings::default()
        },
        ..Setup::default()
    });
    node.account("alice", json!({}));
    let key = account_key(&node, "alice");
    for (forwarded, shown) in [
        ("192.0.2.7", "192.0.2.7"),
        ("203.0.113.1, 192.0.2.7", "192.0.2.7"),
        ("192.0.2.7, 127.0.0.3", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("", "127.0.0.1"),
    ] {
        let headers = [(TOKEN, key.as_str()), ("x-forwarded-for", forwarded)];
        let body = ok(&node.send("GET", USER, &headers, ""));
        assert_eq!(body["requestIp"], shown, "{forwarded}");
        assert_eq!(body["requestIpCountry"], "Unknown");
        assert_eq!(body["requestIpCountryCode"], "ZZ");
    }
    let node = self::node(&["alice"]);
    let key = account_key(&node, "alice");
    let headers = [(TOKEN, key.as_str()), ("x-forwarded-for", "192.0.2.7")];
    let body = ok(&node.send("GET", USER, &headers, ""));
    assert_eq!(body["requestIp"], "127.0.0.1");
}

#[test]
fn the_country_is_that_of_the_operators_database() {
    rows!("V-22");
    let nested = include_bytes!("../../vectors/countries-nested.mmdb");
    let flat = include_bytes!("../../vectors/countries-flat.mmdb");
    let surroundings = Surroundings {
        proxies: TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]),
        ..Surroundings::default()
    };
    let countries = surroundings.countries.clone();
    let node = Node::start(Setup {
        surroundings,
        ..Setup::default()
    });
    node.account("alice", json!({}));
    let key = account_key(&node, "alice");
    let from = |address: &str| {
        let headers = [(TOKEN, key.as_str()), ("x-forwarded-for", address)];
        let body = ok(&node.send("GET", USER, &headers, ""));
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        (text("requestIpCountryCode"), text("requestIpCountry"))
    };
    let pair = |code: &str, name: &str| (code.to_owned(), name.to_owned());
    assert_eq!(from("203.0.113.1"), pair("ZZ", "Unknown"));
    countries.load(nested.to_vec()).unwrap();
    assert_eq!(from("203.0.113.1"), pair("NL", "The Netherlands"));
    assert_eq!(from("198.51.100.1"), pair("DE", "Germany"));
    for unknown in ["8.8.8.8", "10.1.2.3", "127.0.0.1", "192.0.2.1", ""] {
        assert_eq!(from(unknown), pair("ZZ", "Unknown"), "{unknown}");
    }
    countries.load(flat.to_vec()).unwrap();
    assert_eq!(from("203.0.113.1"), pair("BE", "Belgium"));
}

#[test]
fn nobody_is_logged_in_before_the_last_step() {
    rows!("V-23");
    let node = node(&["otto"]);
    let seed = enrol(&node, "otto");
    let key = guest(&node);
    let nobody = user(&node, &key);
    refused(&nobody, 404, 10_001);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    same(&user(&node, &key), &nobody);
    done(&otp(&node, &key, &code(&seed, 0)));
    assert_eq!(ok(&user(&node, &key))["userName"], "otto");
    done(&log_out(&node, &key));
    same(&user(&node, &key), &nobody);
}

#[test]
fn an_account_key_gets_its_owner() {
    rows!("V-24");
    let node = node(&["alice", "bob"]);
    let keys = ["alice", "bob"].map(|name| account_key(&node, name));
    complete(&log_in(&node, &guest(&node), "bob", PASSWORD));
    for (key, name) in keys.iter().zip(["alice", "bob"]) {
        assert_eq!(ok(&user(&node, key))["userName"], name);
    }
    let locked = json!({"locked": true});
    node.administer("PATCH", "/admin/v1/accounts/alice", locked);
    node.clock.advance_ms(400 * 86_400_000);
    assert_eq!(ok(&user(&node, &keys[0]))["userId"], 1);
}

#[test]
fn asking_is_activity_unless_it_says_otherwise() {
    rows!("V-25");
    let node = node(&["alice"]);
    let key = guest(&node);
    complete(&log_in(&node, &key, "alice", PASSWORD));
    for _ in 0..4 {
        node.clock.advance_ms(30 * 60_000 - 1);
        assert_eq!(ok(&user(&node, &key))["userName"], "alice");
    }
    node.clock.advance_ms(20 * 60_000);
    assert_eq!(who(&node, &key).as_deref(), Some("alice"));
    node.clock.advance_ms(10 * 60_000 - 1);
    assert_eq!(who(&node, &key).as_deref(), Some("alice"));
    node.clock.advance_ms(1);
    assert_eq!(who(&node, &key), None);
}

#[test]
fn what_changes_shows_with_the_next_call() {
    rows!("V-26");
    let node = node(&["alice"]);
    let (guest, owned) = (guest(&node), account_key(&node, "alice"));
    complete(&log_in(&node, &guest, "alice", PASSWORD));
    let both = |name: &str| [&guest, &owned].map(|key| ok(&user(&node, key))[name].clone());
    let change = |profile: Value| {
        let body = json!({"profile": profile});
        node.administer("PATCH", "/admin/v1/accounts/alice", body);
    };
    change(json!({"first_name": "A", "access_level": 0, "trial_until": "2027-01-31"}));
    assert_eq!(both("firstName"), ["A", "A"]);
    assert_eq!(both("accessLevel"), [0, 0]);
    assert_eq!(both("isTrialAccount"), [1, 1]);
    change(json!({"trial_until": null}));
    assert_eq!(both("trialAccountExpirationDate"), ["", ""]);
    assert_eq!(both("isTrialAccount"), [0, 0]);
    assert_eq!(both("firstName"), ["A", "A"]);
}
