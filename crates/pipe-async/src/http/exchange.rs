//! A request and its answer, on one connection.

use super::connection::Line;
use super::error::HttpError;
use super::headers::Headers;
use super::origin::Target;
use super::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::HOST;
use hyper::{Method, Request};

/// How an exchange ended.
pub(super) enum Ended {
    Answered(Response),
    Failed(HttpError),
    /// The server had closed the connection before it saw the request, so that may be sent again elsewhere.
    NotSent(HttpError),
}

pub(super) async fn exchange(
    line: &mut Line,
    target: &Target,
    url: &str,
    (method, body): (Method, Bytes),
    limit: usize,
) -> Ended {
    let failed = |source: hyper::Error| HttpError::Exchange { url: url.to_owned(), source: source.into() };
    if let Err(error) = line.sender.ready().await {
        return Ended::NotSent(failed(error));
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target.path.clone();
    request.headers_mut().insert(HOST, target.host.clone());
    let answer = match line.sender.try_send_request(request).await {
        Ok(answer) => answer,
        Err(mut refused) => {
            // It comes back when nothing of it was written.
            let is_unseen = refused.take_message().is_some();
            let error = failed(refused.into_error());
            return if is_unseen { Ended::NotSent(error) } else { Ended::Failed(error) };
        }
    };
    let (head, body) = answer.into_parts();
    match read(body, limit).await {
        Ok(body) => {
            let (url, status) = (url.to_owned(), head.status.as_u16());
            let headers = Headers::new(&head.headers);
            Ended::Answered(Response { url, status, headers, body })
        }
        Err(Cut::TooLarge(bytes)) => Ended::Failed(HttpError::TooLarge { url: url.to_owned(), bytes, limit }),
        Err(Cut::Broken(error)) => Ended::Failed(failed(error)),
    }
}

enum Cut {
    TooLarge(u64),
    Broken(hyper::Error),
}

async fn read(mut body: Incoming, limit: usize) -> Result<Vec<u8>, Cut> {
    // What is announced is believed only if it is too much; memory is taken as bytes come.
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(Cut::TooLarge(announced));
    }
    let mut read = Vec::with_capacity(announced.min(64 << 10) as usize);
    while let Some(frame) = body.frame().await {
        // Trailers are of no interest.
        let Ok(bytes) = frame.map_err(Cut::Broken)?.into_data() else { continue };
        if read.len() + bytes.len() > limit {
            return Err(Cut::TooLarge((read.len() + bytes.len()) as u64));
        }
        read.extend_from_slice(&bytes);
    }
    Ok(read)
}
