// What must hold for every text that a caller can send. Shared by the fuzz target and the property test of the suite
// (tests/it/auth/texts.rs), so that both look at the same doors.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tasker::auth::{
    Credentials, Grant,
    authenticator::{
        api_token::ApiToken,
        jwt::{Paths, Settings, claims::Claims, token, token::Token},
    },
};

/// Looks at some bytes in every way.
pub fn credentials(data: &[u8]) {
    header(data);
    claims(&URL_SAFE_NO_PAD.encode(data));
    let Ok(text) = std::str::from_utf8(data) else { return };
    signed(text);
    // With the form right, so that what is behind it is reached too.
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"k"}"#);
    signed(&format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(data), "c2ln"));
    signed(&format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(data)));
    grant(text);
    grant(&format!("tasker.task:create@{text}"));
    api_token(text);
    api_token(&format!("tsk_{text}"));
}

fn header(data: &[u8]) {
    let Ok(value) = http::HeaderValue::from_bytes(data) else { return };
    let headers = http::HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
    if let Ok(presented) = Credentials::of_headers(&headers) {
        let token = presented.token.expect("a header was there");
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!format!("{:?}", Credentials::of_headers(&headers)).contains(&*token) || token.len() < 16);
    }
}

fn signed(text: &str) {
    let _ = token::looks_signed(text);
    let Ok(token) = Token::read(text) else { return };
    assert_eq!(format!("{}.{}", token.message, token.signature), text);
    assert!(token.message.ends_with(token.payload));
    claims(token.payload);
}

fn claims(payload: &str) {
    let Ok(claims) = Claims::read(payload) else { return };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let settings =
        Settings { issuers: vec!["issuer".to_owned()], audiences: vec!["audience".to_owned()], ..Settings::default() };
    if let Ok(until) = claims.check(&settings, now) {
        assert!(until > now);
    }
    let paths = Paths { permissions: "a.b".to_owned(), ..Paths::default() };
    for paths in [&paths, &settings.paths] {
        if let Ok(principal) = claims.principal(paths) {
            assert!((1..=255).contains(&principal.subject.len()));
            principal.grants.iter().for_each(|one| grant(&one.to_string()));
        }
    }
}

fn grant(text: &str) {
    let Ok(grant) = text.parse::<Grant>() else { return };
    assert_eq!(grant.to_string(), text);
    assert!(text.is_ascii() && !text.contains(char::is_whitespace));
}

fn api_token(text: &str) {
    if let Ok(token) = text.parse::<ApiToken>() {
        assert_eq!(token.expose(), text);
        assert!(token.is(&token.secret_hash()));
    }
}
