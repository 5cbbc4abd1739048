//! Where the servers are, and how they know us.

use crate::transport::TransportError;
use async_nats::{ConnectOptions, ServerAddr};
use std::fmt;
use std::path::{Path, PathBuf};

/// Servers and credentials for [`Nats`](super::Nats).
///
/// Off this machine the connection is encrypted, or it is refused. Nothing secret is ever printed: neither by `Debug` nor in an error.
///
/// ```
/// use pipe_async::NatsOptions;
///
/// let options = NatsOptions::new(["nats://n1.example:4222", "nats://n2.example:4222"])
///     .root_certificates("ca.pem")
///     .client_certificate("worker.pem", "worker.key")
///     .credentials_file("worker.creds");
/// ```
#[derive(Clone)]
#[must_use]
pub struct NatsOptions {
    servers: Vec<String>,
    identity: Identity,
    roots: Vec<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
    plaintext: Plaintext,
    pub(super) replicas: usize,
    pub(super) storage: Storage,
}

#[derive(Clone)]
enum Identity {
    Nobody,
    Password { user: String, password: String },
    Token(String),
    Nkey(String),
    CredentialsFile(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plaintext {
    OnThisMachine,
    Anywhere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    File,
    Memory,
}

impl NatsOptions {
    /// The servers of a cluster, or the one there is: `nats://host:port`, or `tls://host:port`.
    pub fn new<S: Into<String>>(servers: impl IntoIterator<Item = S>) -> Self {
        NatsOptions {
            servers: servers.into_iter().map(Into::into).collect(),
            identity: Identity::Nobody,
            roots: Vec::new(),
            certificate: None,
            plaintext: Plaintext::OnThisMachine,
            replicas: 1,
            storage: Storage::File,
        }
    }

    /// Servers off this machine may be spoken to without encryption: everybody on the way can read and change the items. For networks where
    /// something else encrypts.
    pub fn plaintext_over_the_network(mut self) -> Self {
        self.plaintext = Plaintext::Anywhere;
        self
    }

    /// Certificates (PEM) of those who vouch for the servers, beside those of the system.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.roots.push(path.into());
        self
    }

    /// Our own certificate and its key (PEM), for servers that ask for one.
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some((certificate.into(), key.into()));
        self
    }

    /// A file of credentials, as `nsc` writes it: a token and the key that signs.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.identity = Identity::CredentialsFile(path.into());
        self
    }

    /// An nkey, by its seed.
    pub fn nkey(mut self, seed: impl Into<String>) -> Self {
        self.identity = Identity::Nkey(seed.into());
        self
    }

    /// A user and its password.
    pub fn password(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.identity = Identity::Password { user: user.into(), password: password.into() };
        self
    }

    /// A token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.identity = Identity::Token(token.into());
        self
    }

    /// How many servers keep each stream that is made: 1 unless set, 3 to survive the loss of one.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Streams that are made are kept in memory and not in files: they do not outlive their servers.
    pub fn in_memory(mut self) -> Self {
        self.storage = Storage::Memory;
        self
    }

    /// The servers without what may stand before the host.
    pub(super) fn names(&self) -> String {
        let name = |server: &String| match server.parse::<ServerAddr>() {
            Ok(server) => format!("{}:{}", server.host(), server.port()),
            Err(_) => "an address that is none".to_owned(),
        };
        self.servers.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn addresses(&self) -> Result<Vec<ServerAddr>, TransportError> {
        let config = |value: String, why| TransportError::Config { field: "servers", value, why };
        if self.servers.is_empty() {
            return Err(config("none".to_owned(), "there has to be one"));
        }
        if self.replicas == 0 || self.replicas > 5 {
            let value = self.replicas.to_string();
            return Err(TransportError::Config { field: "replicas", value, why: "a stream has one to five" });
        }
        let address = |server: &String| {
            // Its text may hold a password.
            let address = server.parse::<ServerAddr>().ok();
            address.ok_or_else(|| {
                config("(not shown)".to_owned(), "an address is nats://host:port or tls://host:port")
            })
        };
        self.servers.iter().map(address).collect()
    }

    pub(super) fn has_to_encrypt(&self, addresses: &[ServerAddr]) -> bool {
        let is_away = addresses.iter().any(|address| !is_this_machine(address.host()));
        self.plaintext == Plaintext::OnThisMachine && is_away
    }

    /// What async-nats is told.
    pub(super) async fn to_connect(
        &self,
        addresses: &[ServerAddr],
    ) -> Result<ConnectOptions, TransportError> {
        let refused = |source| TransportError::Connect { server: self.names(), source };
        let mut options = match &self.identity {
            Identity::Nobody => ConnectOptions::new(),
            Identity::Password { user, password } => {
                ConnectOptions::with_user_and_password(user.clone(), password.clone())
            }
            Identity::Token(token) => ConnectOptions::with_token(token.clone()),
            Identity::Nkey(seed) => ConnectOptions::with_nkey(seed.clone()),
            Identity::CredentialsFile(path) => {
                let unreadable = |why: String| refused(format!("{}: {why}", path.display()).into());
                let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
                // The error of the client might quote what it could not read.
                ConnectOptions::with_credentials(&text)
                    .map_err(|_| unreadable("these are no credentials".to_owned()))?
            }
        };
        for path in &self.roots {
            options = options.add_root_certificates(path.clone());
        }
        if let Some((certificate, key)) = &self.certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        if self.plaintext == Plaintext::OnThisMachine {
            // A server tells of others, and they may be anywhere. Those named are enough.
            options = options.require_tls(self.has_to_encrypt(addresses)).ignore_discovered_servers();
        }
        Ok(options)
    }
}

/// Whether nobody else can be on the way to this host.
fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

impl fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identity = match &self.identity {
            Identity::Nobody => "nobody",
            Identity::Password { .. } => "a user with a password",
            Identity::Token(_) => "a token",
            Identity::Nkey(_) => "an nkey",
            Identity::CredentialsFile(_) => "a file of credentials",
        };
        f.debug_struct("NatsOptions")
            .field("servers", &self.names())
            .field("identity", &identity)
            .field("roots", &self.roots)
            .field(
                "certificate",
                &self
                    .certificate
                    .as_ref()
                    .map(|(certificate, _): &(PathBuf, PathBuf)| -> &Path { certificate }),
            )
            .field("plaintext", &self.plaintext)
            .field("replicas", &self.replicas)
            .field("storage", &self.storage)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        for host in ["localhost", "127.0.0.1", "127.8.9.1", "::1"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "0.0.0.0", "10.0.0.1", "localhost.example", "127.0.0.1.example", "::2", "example"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let addresses = ["nats://ann:hush@10.0.0.1:4222", "nats://hush@:x"];
        let all = [
            NatsOptions::new(addresses),
            NatsOptions::new(addresses).password("ann", "hush"),
            NatsOptions::new(addresses).token("hush"),
            NatsOptions::new(addresses).nkey("hush"),
            NatsOptions::new(addresses).client_certificate("cert.pem", "hush.key"),
        ];
        for options in all {
            let error = options.addresses().unwrap_err();
            for text in
                [format!("{options:?}"), format!("{options:#?}"), error.to_string(), format!("{error:?}")]
            {
                assert!(!text.contains("hush"), "{text}");
            }
        }
    }

    #[test]
    fn no_server_and_no_replica_are_errors() {
        let none: [&str; 0] = [];
        assert!(NatsOptions::new(none).addresses().is_err());
        assert!(NatsOptions::new(["localhost"]).replicas(0).addresses().is_err());
        assert!(NatsOptions::new(["localhost"]).replicas(5).addresses().is_ok());
    }
}
