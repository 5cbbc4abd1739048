//! The headers of an answer, in memory of their own.

use hyper::HeaderMap;

/// Names and values, copied. What the connection gives are parts of its read buffer, and each keeps the whole of that alive: eight KiB for a
/// header of ten bytes, which no limit would know of.
#[derive(Clone)]
pub(super) struct Headers {
    /// All names and values, one behind the other.
    text: Vec<u8>,
    /// Where each name, and the value behind it, ends in the text.
    ends: Vec<(u32, u32)>,
}

impl Headers {
    pub(super) fn new(map: &HeaderMap) -> Self {
        let bytes = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let mut headers = Headers { text: Vec::with_capacity(bytes), ends: Vec::with_capacity(map.len()) };
        for (name, value) in map {
            headers.text.extend_from_slice(name.as_str().as_bytes());
            let name = headers.end();
            headers.text.extend_from_slice(value.as_bytes());
            headers.ends.push((name, headers.end()));
        }
        headers
    }

    /// Heads are some ten KiB at most: the connection sees to that.
    fn end(&self) -> u32 {
        u32::try_from(self.text.len()).expect("a head is small")
    }

    /// The value of the first one with this name, in whatever case.
    pub(super) fn first(&self, name: &str) -> Option<&[u8]> {
        let mut start = 0;
        for &(middle, end) in &self.ends {
            let (middle, end) = (middle as usize, end as usize);
            if self.text[start..middle].eq_ignore_ascii_case(name.as_bytes()) {
                return Some(&self.text[middle..end]);
            }
            start = end;
        }
        None
    }

    /// The bytes that they own.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<(u32, u32)>()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::header::HeaderValue;

    #[test]
    fn they_are_found_by_name_weigh_what_they_own_and_keep_no_buffer_alive() {
        let buffer = Bytes::from(vec![b'x'; 8 << 10]);
        let mut map = HeaderMap::new();
        let value = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).expect("letters");
        map.append("x-first", value(0..3));
        map.append("x-empty", value(0..0));
        map.append("x-first", value(0..5));
        let headers = Headers::new(&map);
        drop(map);
        assert!(buffer.is_unique());
        assert_eq!(headers.first("X-First"), Some(&b"xxx"[..]));
        assert_eq!(headers.first("x-empty"), Some(&b""[..]));
        assert_eq!((headers.first("x-firs"), headers.first("")), (None, None));
        assert_eq!(headers.bytes(), 3 * 7 + 8 + 3 * 8);
    }
}
