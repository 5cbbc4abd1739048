//! What a server answers.

use super::error::HttpError;
use super::headers::Headers;
use pipe_core::Weigh;
use std::fmt;

/// A whole answer.
#[derive(Clone)]
pub struct Response {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// What was fetched.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The status: 200, 404.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.first(name)
    }

    /// The body, as it came: not decoded.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body alone.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The same, if the status is one of success, between 200 and 299.
    ///
    /// # Errors
    /// [`HttpError::Status`].
    pub fn success(self) -> Result<Self, HttpError> {
        match self.status {
            200..300 => Ok(self),
            status => Err(HttpError::Status { url: self.url, status }),
        }
    }
}

/// The body; headers are not counted.
impl Weigh for Response {
    fn heap(&self) -> usize {
        self.url.capacity() + self.headers.bytes() + self.body.capacity()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {}, {} bytes)", self.url, self.status, self.body.len())
    }
}
