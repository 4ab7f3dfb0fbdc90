//! Shared text as a parameter, so that payloads are not copied on their way to Postgres.

use std::sync::Arc;

use sqlx::{
    Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo},
};

/// Shared text.
#[derive(Debug, Clone)]
pub struct Text(pub Arc<str>);

impl Type<Postgres> for Text {
    fn type_info() -> PgTypeInfo {
        <&str as Type<Postgres>>::type_info()
    }

    fn compatible(found: &PgTypeInfo) -> bool {
        <&str as Type<Postgres>>::compatible(found)
    }
}

impl PgHasArrayType for Text {
    fn array_type_info() -> PgTypeInfo {
        <&str as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for Text {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&str as Encode<'_, Postgres>>::encode(&self.0, buffer)
    }
}
