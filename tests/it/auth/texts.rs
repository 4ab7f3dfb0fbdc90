//! What the fuzz target looks at, with generated texts.

use proptest::prelude::*;
use serde_json::json;
use tasker::auth::authenticator::api_token::ApiToken;

use super::mint::{claims, encoded, shared};

#[path = "../../../fuzz/checks.rs"]
mod checks;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn any_bytes_are_read_or_refused(data in prop::collection::vec(any::<u8>(), 0..400)) {
        checks::credentials(&data);
    }

    #[test]
    fn texts_of_the_right_letters_are_read_or_refused(text in "[A-Za-z0-9_.@:/*{}\\[\\]\", +-]{0,200}") {
        checks::credentials(text.as_bytes());
    }

    #[test]
    fn claims_of_any_shape_are_read_or_refused(
        name in "sub|exp|nbf|iat|iss|aud|permissions|roles|namespaces|a|b",
        value in "-?[0-9]{1,25}(\\.[0-9]{1,5})?(e-?[0-9]{1,3})?|\"[a-z:.@* ]{0,30}\"|\\[(\"[a-z:.@*]{0,10}\",)*1\\]|null|\\{\"b\":\"\\*\"\\}",
    ) {
        checks::credentials(format!("{{\"sub\":\"a\",\"exp\":1900000000,\"{name}\":{value}}}").as_bytes());
        checks::credentials(format!("{{\"{name}\":{value}}}").as_bytes());
    }

    #[test]
    fn good_tokens_with_a_flaw_are_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let api = ApiToken::generate().expose();
        let signed = shared().sign(&claims("alice"));
        let header = format!("Bearer {signed}");
        let headless = format!("{}.{}.", encoded(&json!({ "alg": "none" }).to_string()), encoded("{}"));
        for good in [api, signed, header, headless] {
            let mut flawed = good.into_bytes();
            let at = at.index(flawed.len());
            flawed[at] = byte;
            checks::credentials(&flawed);
            flawed.truncate(at);
            checks::credentials(&flawed);
        }
    }
}
