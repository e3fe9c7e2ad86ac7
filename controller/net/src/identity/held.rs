//! Something that ends: kept until shortly before, then asked for anew by one caller while the others wait.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::error::NetError;

/// How long before its end something is asked for anew: longer than any query takes, and shorter than the five minutes
/// before the end at which metadata services begin to give a new one.
const MARGIN: Duration = Duration::from_secs(180);

/// How long what has no end is kept: keys in a file or a variable may be changed.
const WITHOUT_END: Duration = Duration::from_secs(900);

/// Something that ends.
#[derive(Debug)]
pub(crate) struct Held<T>(Mutex<Option<(T, Timestamp)>>);

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Held<T> {
    /// What is held, or what `ask` gives with its end. While what is held still counts, `ask` may fail.
    pub(crate) async fn get(
        &self,
        ask: impl Future<Output = Result<(T, Option<Timestamp>), NetError>>,
    ) -> Result<T, NetError> {
        let mut held = self.0.lock().await;
        let now = Timestamp::now();
        if let Some((value, end)) = held.as_ref()
            && now + MARGIN < *end
        {
            return Ok(value.clone());
        }
        match ask.await {
            Ok((value, end)) => {
                *held = Some((value.clone(), end.unwrap_or(now + WITHOUT_END + MARGIN)));
                Ok(value)
            }
            Err(error) => match held.as_ref().filter(|(_, end)| now < *end) {
                Some((value, _)) => {
                    tracing::warn!(code = error.code(), "{error}; the credentials from before still hold");
                    Ok(value.clone())
                }
                None => Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> NetError {
        NetError::NoIdentity { provider: "a test", why: String::new() }
    }

    #[tokio::test]
    async fn is_asked_for_anew_only_near_its_end_and_outlives_a_failure_until_then() {
        let held = Held::default();
        let now = Timestamp::now();
        let end = |seconds: i64| Some(now + Duration::from_secs(seconds.unsigned_abs()));
        assert_eq!(held.get(async { Err::<(u8, _), _>(failed()) }).await, Err(failed()));
        assert_eq!(held.get(async { Ok((1, end(120))) }).await, Ok(1));
        assert_eq!(held.get(async { Err(failed()) }).await, Ok(1));
        assert_eq!(held.get(async { Ok((2, end(3600))) }).await, Ok(2));
        assert_eq!(held.get(async { Ok((3, end(3600))) }).await, Ok(2));
        let without_end = Held::default();
        assert_eq!(without_end.get(async { Ok((1, None)) }).await, Ok(1));
        assert_eq!(without_end.get(async { Ok((2, None)) }).await, Ok(1));
        let ended = Held::default();
        assert_eq!(ended.get(async { Ok((1, Some(now))) }).await, Ok(1));
        assert_eq!(ended.get(async { Err(failed()) }).await, Err(failed()));
    }
}
