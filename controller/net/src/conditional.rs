//! Answers remembered by their ETag, so that an unchanged list costs a 304. Small, and forgetful rather than large.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{ETAG, HeaderMap, HeaderValue};
use url::Url;

use crate::response::Answer;

/// Most answers remembered: a page of pull requests and a branch for each of some hundred repositories.
const ANSWERS_MAX: usize = 256;

/// Longest remembered body. With [`ANSWERS_MAX`] this bounds the memory at 64 MiB.
const BODY_BYTES_MAX: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Remembered {
    answers: Mutex<HashMap<Url, (HeaderValue, Answer)>>,
}

impl Remembered {
    /// The tag to ask with.
    pub(crate) fn tag(&self, url: &Url) -> Option<HeaderValue> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(url).map(|(tag, _)| tag.clone())
    }

    /// The answer that a 304 confirms.
    pub(crate) fn answer(&self, url: &Url) -> Option<Answer> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(url).map(|(_, answer)| answer.clone())
    }

    /// Keeps a 200 that has a tag.
    pub(crate) fn keep(&self, url: &Url, answer: &Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tag) = tag_of(&answer.headers).filter(|_| answer.body.len() <= BODY_BYTES_MAX) else {
            answers.remove(url);
            return;
        };
        if answers.len() >= ANSWERS_MAX && !answers.contains_key(url) {
            // Forgetting all is the simplest bound: the next pass pays one full answer for each.
            answers.clear();
        }
        answers.insert(url.clone(), (tag, answer.clone()));
    }
}

fn tag_of(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ETAG).cloned()
}
