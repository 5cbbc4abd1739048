//! What one process does of a distributed job.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

/// The part of a [`Distributed`](crate::Distributed) job that a process does.
///
/// ```
/// use pipe_async::Role;
///
/// assert_eq!("count".parse(), Ok(Role::Stage("count".to_owned())));
/// assert_eq!(Role::Source.to_string(), "source");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// All parts, each on a thread: for development, or where one machine is enough.
    All,
    /// The source alone.
    Source,
    /// The stage of this name, or the sink by its name.
    Stage(String),
    /// The sink, whatever its name.
    Sink,
}

/// The variable that [`Role::of_process`] reads.
const VARIABLE: &str = "PIPE_ROLE";

impl Role {
    /// That of this process: from its arguments `--role NAME` or `--role=NAME`, else from the variable `PIPE_ROLE`, else all. The names are
    /// `all`, `source`, `sink`, and those of the stages; one that no part has is an error when the job runs.
    pub fn of_process() -> Self {
        Self::among(std::env::args_os().skip(1), std::env::var_os(VARIABLE))
    }

    fn among(arguments: impl IntoIterator<Item = OsString>, variable: Option<OsString>) -> Self {
        let mut arguments = arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned());
        let argument = arguments.by_ref().find_map(|argument| match argument.strip_prefix("--role") {
            Some("") => Some(None),
            Some(rest) => rest.strip_prefix('=').map(|name| Some(name.to_owned())),
            None => None,
        });
        // A name that is missing is the empty one, which no part has.
        let argument = argument.map(|name| name.or_else(|| arguments.next()).unwrap_or_default());
        let variable =
            variable.filter(|name| !name.is_empty()).map(|name| name.to_string_lossy().into_owned());
        argument.or(variable).map_or(Role::All, Role::named)
    }

    fn named(name: String) -> Self {
        match name.as_str() {
            "all" => Role::All,
            "source" => Role::Source,
            "sink" => Role::Sink,
            _ => Role::Stage(name),
        }
    }
}

impl FromStr for Role {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(Role::named(name.to_owned()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::All => "all",
            Role::Source => "source",
            Role::Stage(name) => name,
            Role::Sink => "sink",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among(arguments: &[&str], variable: Option<&str>) -> String {
        Role::among(arguments.iter().map(Into::into), variable.map(Into::into)).to_string()
    }

    #[test]
    fn an_argument_goes_before_the_variable_and_without_either_it_is_all() {
        assert_eq!(among(&["a", "--role", "source", "b"], Some("sink")), "source");
        assert_eq!(among(&["--role=count"], Some("sink")), "count");
        assert_eq!(among(&["--roles", "x", "role"], Some("sink")), "sink");
        assert_eq!(among(&["source"], None), "all");
        assert_eq!(among(&[], Some("")), "all");
        assert_eq!(among(&["--role"], Some("sink")), "", "a name that is missing is not the variable's");
    }
}
