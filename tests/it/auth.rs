//! Who may call: what is believed of credentials, and what is not.

mod api_tokens;
mod calls;
mod keys;
mod mint;
mod texts;
mod tls;
mod tokens;
mod world;
