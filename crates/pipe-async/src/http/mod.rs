//! Fetches over HTTP/1.1.

mod connection;
mod error;
mod exchange;
mod headers;
mod http_client;
mod origin;
mod response;
mod settings;

pub use error::HttpError;
pub use http_client::HttpClient;
pub use response::Response;
pub use settings::HttpSettings;
