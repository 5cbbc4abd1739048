//! A process of the cluster, which may be killed and started again.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// Killed when dropped.
pub(super) struct Member {
    command: Command,
    /// Both of its outputs are kept here, those of the last start.
    log: PathBuf,
    state: State,
}

enum State {
    /// Not yet, or killed on request.
    Away,
    Running(Child),
    Ended(ExitStatus),
}

impl Member {
    pub(super) fn new(command: Command, log: PathBuf) -> Self {
        Self { command, log, state: State::Away }
    }

    /// Starts it, unless it runs or has done its work.
    pub(super) fn start(&mut self) -> Result<(), String> {
        self.look();
        if matches!(&self.state, State::Running(_)) || self.has_ended_well() {
            return Ok(());
        }
        let log = File::create(&self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        let said = File::create(self.log.with_extension("err")).map_err(|error| error.to_string())?;
        let child = self.command.stdin(Stdio::null()).stdout(log).stderr(said).spawn();
        self.state = State::Running(child.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// SIGKILL: nobody is told.
    pub(super) fn kill(&mut self) {
        if let State::Running(child) = &mut self.state {
            let _ = child.kill();
            let _ = child.wait();
            self.state = State::Away;
        }
    }

    pub(super) fn has_ended_well(&mut self) -> bool {
        self.look();
        matches!(&self.state, State::Ended(status) if status.success())
    }

    /// One word, or a few.
    pub(super) fn state(&mut self) -> String {
        self.look();
        match &self.state {
            State::Away => "away".to_owned(),
            State::Running(child) => format!("runs ({})", child.id()),
            State::Ended(status) if status.success() => "done".to_owned(),
            State::Ended(status) => format!("failed: {status}"),
        }
    }

    fn look(&mut self) {
        if let State::Running(child) = &mut self.state
            && let Ok(Some(status)) = child.try_wait()
        {
            self.state = State::Ended(status);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Member {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Member::new(command, std::env::temp_dir().join(format!("member-{}.log", std::process::id())))
    }

    #[test]
    fn who_is_killed_is_away_and_can_be_started_again() {
        let mut member = shell("exec sleep 100");
        assert_eq!(member.state(), "away");
        for _ in 0..2 {
            member.start().unwrap();
            assert!(member.state().starts_with("runs"));
            member.kill();
            assert_eq!((member.state().as_str(), member.has_ended_well()), ("away", false));
        }
    }
}
