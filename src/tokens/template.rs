//! Shortcodes: `{{user.id}}` in the strings of a template stands for what is known of the user.
//!
//! A string that is one shortcode and nothing else takes the value's own JSON type; inside a longer
//! one stands the value's text. `{{a || b || 'text'}}` is the first operand that is neither null nor
//! false, else the last. What is unknown is null. Names of members are not rendered. Source: C-82, C-83.

use serde_json::{Map, Number, Value};

/// Operands that one shortcode may have; what is beyond them is not looked at.
const OPERANDS_MAX: usize = 16;

/// Renders every string of the claims.
pub(super) fn render(claims: Map<String, Value>, facts: &Value) -> Map<String, Value> {
    claims
        .into_iter()
        .map(|(name, value)| (name, rendered(value, facts)))
        .collect()
}

fn rendered(value: Value, facts: &Value) -> Value {
    match value {
        Value::String(text) => string(&text, facts),
        Value::Array(list) => list
            .into_iter()
            .map(|value| rendered(value, facts))
            .collect(),
        Value::Object(map) => Value::Object(render(map, facts)),
        plain => plain,
    }
}

fn string(text: &str, facts: &Value) -> Value {
    if let Some(code) = sole(text) {
        return evaluated(code, facts);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        match after.split_once("}}") {
            Some((code, after)) => {
                match evaluated(code, facts) {
                    Value::String(text) => out.push_str(&text),
                    other => out.push_str(&other.to_string()),
                }
                rest = after;
            }
            // Braces that nobody closes are text.
            None => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Value::String(out)
}

/// The inside of a string that is exactly one shortcode.
fn sole(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inside.contains("{{") && !inside.contains("}}")).then_some(inside)
}

fn evaluated(code: &str, facts: &Value) -> Value {
    let mut last = Value::Null;
    for operand in operands(code) {
        last = operand_value(operand, facts);
        if !matches!(last, Value::Null | Value::Bool(false)) {
            break;
        }
    }
    last
}

/// The operands between `||`, which inside quotation marks is text.
fn operands(code: &str) -> Vec<&str> {
    let mut list = Vec::new();
    let (mut start, mut quoted, mut previous) = (0, false, ' ');
    for (at, c) in code.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '|' if !quoted && previous == '|' => {
                list.extend(code.get(start..at - 1));
                start = at + 1;
                previous = ' ';
                continue;
            }
            _ => {}
        }
        previous = c;
    }
    list.extend(code.get(start..));
    list.truncate(OPERANDS_MAX);
    list
}

fn operand_value(operand: &str, facts: &Value) -> Value {
    let operand = operand.trim();
    let quoted = operand
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    if let Some(text) = quoted {
        return text.into();
    }
    match operand {
        "true" => return true.into(),
        "false" => return false.into(),
        _ => {}
    }
    if operand.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return operand.parse::<Number>().map_or(Value::Null, Value::Number);
    }
    let found = operand
        .split('.')
        .try_fold(facts, |value, name| value.as_object()?.get(name));
    found.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn facts() -> Value {
        json!({
            "user": {
                "id": "user_1", "first_name": null, "email_verified": false, "created_at": 17,
                "public_metadata": {"plan": {"name": "pro", "seats": 3}, "tags": ["a", "b"]},
            },
        })
    }

    #[test]
    fn shortcodes_render_as_the_contract_says() {
        for (text, value) in [
            ("plain", json!("plain")),
            ("{{user.id}}", json!("user_1")),
            ("{{ user.id }}", json!("user_1")),
            ("{{user.created_at}}", json!(17)),
            ("{{user.email_verified}}", json!(false)),
            (
                "{{user.public_metadata}}",
                json!({"plan": {"name": "pro", "seats": 3}, "tags": ["a", "b"]}),
            ),
            ("{{user.public_metadata.plan.seats}}", json!(3)),
            ("{{user.public_metadata.plan.none.deeper}}", json!(null)),
            ("{{user.unknown}}", json!(null)),
            (
                "{{user}}x",
                json!(
                    "{\"created_at\":17,\"email_verified\":false,\"first_name\":null,\"id\":\"user_1\",\"public_metadata\":{\"plan\":{\"name\":\"pro\",\"seats\":3},\"tags\":[\"a\",\"b\"]}}x"
                ),
            ),
            ("{{}}", json!(null)),
            (
                "id={{user.id}}, seats={{user.public_metadata.plan.seats}}",
                json!("id=user_1, seats=3"),
            ),
            ("{{user.unknown}} there", json!("null there")),
            ("{{user.id}}{{user.id}}", json!("user_1user_1")),
            ("{{user.first_name || user.id}}", json!("user_1")),
            ("{{user.first_name || 'nobody'}}", json!("nobody")),
            ("{{user.email_verified || user.first_name}}", json!(null)),
            ("{{user.first_name || user.email_verified}}", json!(false)),
            ("{{user.unknown || 30}}", json!(30)),
            ("{{user.unknown || -1.5}}", json!(-1.5)),
            ("{{user.unknown || true}}", json!(true)),
            ("{{'a || b'}}", json!("a || b")),
            ("{{user.unknown || 'it' || user.id}}", json!("it")),
            ("{{user.id", json!("{{user.id")),
            ("user.id}}", json!("user.id}}")),
            ("{{12abc}}", json!(null)),
        ] {
            assert_eq!(string(text, &facts()), value, "{text}");
        }
    }

    #[test]
    fn arrays_and_objects_are_rendered_and_names_are_not() {
        let claims = json!({"{{user.id}}": ["{{user.id}}", {"x": "{{user.created_at}}"}, 7]});
        let rendered = render(claims.as_object().unwrap().clone(), &facts());
        assert_eq!(
            Value::Object(rendered),
            json!({"{{user.id}}": ["user_1", {"x": 17}, 7]})
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_render(text in "[{}|' a-z.0-9é-]{0,60}") {
            string(&text, &facts());
        }

        #[test]
        fn what_holds_no_braces_is_left_as_it_is(text in "[^{}]{0,40}") {
            prop_assert_eq!(string(&text, &facts()), Value::String(text.clone()));
        }
    }
}
