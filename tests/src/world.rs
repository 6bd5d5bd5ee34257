//! A whole small world: a relay, an organisation, a technician, agents and viewers.

use std::ffi::OsStr;
use std::io::Write;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::display::Display;
use crate::glass::Glass;
use crate::program::{Program, run};
use crate::terminal::InTerminal;

/// Long enough for two busy cores, short enough that a hang is noticed.
pub const SOON: Duration = Duration::from_secs(20);

/// The technician of the world.
pub const TECHNICIAN: &str = "Tess Technician";
/// The organisation of the world.
pub const ORGANISATION: &str = "Example Support";

pub struct World {
    folder: PathBuf,
    // Removed with everything in it, unless it was given.
    _temporary: Option<tempfile::TempDir>,
    pub relay: Program,
    /// Where the relay listens.
    pub relay_address: String,
    agents: u32,
    viewers: u32,
}

/// What differs from the usual world.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Where everything is kept; a temporary folder if not said.
    pub folder: Option<PathBuf>,
    /// The address that the bundle names, if another than the relay's own (a proxy's).
    pub announced: Option<String>,
    /// Where the relay listens; a free port if not said.
    pub listen: Option<String>,
    /// Lines to replace in the relay's configuration: key and value.
    pub relay_config: Vec<(String, String)>,
    /// The technician's tier; 2 if not said.
    pub tier: Option<u8>,
}

impl Setting {
    /// The technician may ask for everything.
    pub fn everything() -> Setting {
        Setting {
            tier: Some(3),
            ..Setting::default()
        }
    }
}

/// A UDP port of the loopback that is free. The system gives it to nobody who asks for any port, so it stays free
/// while a relay is being started again; tests beside us start elsewhere.
pub fn free_address() -> anyhow::Result<String> {
    const PORTS: std::ops::Range<u32> = 10_000..32_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let start = std::process::id().wrapping_mul(7_919);
        let port = PORTS.start + start.wrapping_add(step) % (PORTS.end - PORTS.start);
        if UdpSocket::bind(format!("0.0.0.0:{port}")).is_ok() {
            return Ok(format!("127.0.0.1:{port}"));
        }
    }
    anyhow::bail!("no port is free")
}

fn os<'a>(args: &[&'a str]) -> Vec<&'a OsStr> {
    args.iter().map(|arg| OsStr::new(*arg)).collect()
}

impl World {
    pub fn start() -> anyhow::Result<World> {
        World::with(Setting::default())
    }

    pub fn with(setting: Setting) -> anyhow::Result<World> {
        let (folder, temporary) = match setting.folder {
            Some(folder) => (folder, None),
            None => {
                let temporary = tempfile::tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let listen = match setting.listen {
            Some(listen) => listen,
            None => free_address()?,
        };
        let announced = setting.announced.unwrap_or_else(|| listen.clone());
        let at = |name: &str| folder.join(name).display().to_string();
        run(
            "sightline-relay",
            &os(&["init", &at("relay"), "--address", &announced]),
        )?;
        let mut config = setting.relay_config;
        config.push(("listen".into(), format!("\"{listen}\"")));
        configure(&folder.join("relay/relay.toml"), &config)?;
        found_organisation(&folder, "org", ORGANISATION, setting.tier.unwrap_or(2))?;
        std::fs::copy(
            folder.join("org/org.bundle"),
            folder.join("relay/org.bundle"),
        )?;
        let relay = start_relay(&folder)?;
        Ok(World {
            folder,
            _temporary: temporary,
            relay,
            relay_address: listen,
            agents: 0,
            viewers: 0,
        })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the relay again, after it ended or was killed.
    pub fn restart_relay(&mut self) -> anyhow::Result<()> {
        self.relay = start_relay(&self.folder)?;
        Ok(())
    }

    pub fn technician_file(&self) -> PathBuf {
        technician_file(&self.folder, "org")
    }

    pub fn auditor_file(&self) -> PathBuf {
        self.folder.join("org/auditors/auditor.auditor")
    }

    /// The recordings, oldest first.
    pub fn recordings(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.join("relay/recordings")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push((path.metadata()?.modified()?, path));
                }
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// What `sightline COMMAND` says of the oldest recording to who has the auditor's key.
    pub fn audit(&self, command: &str, args: &[&str]) -> anyhow::Result<String> {
        let recordings = self.recordings()?;
        let recording = recordings.first().context("nothing was recorded")?;
        let key = self.auditor_file();
        let begin = [OsStr::new(command), recording.as_os_str()];
        let key = [OsStr::new("--key"), key.as_os_str()];
        run("sightline", &[&begin[..], &key, &os(args)].concat())
    }

    /// `sightline-agent share` in a terminal, on this display.
    pub fn share(&mut self, display: &Display, args: &[&str]) -> anyhow::Result<Agent> {
        self.agents += 1;
        let label = format!("agent-{}", self.agents);
        let home = self.folder.join(&label).display().to_string();
        let bundle = self.folder.join("org/org.bundle").display().to_string();
        run("sightline-agent", &os(&["--home", &home, "join", &bundle]))?;
        let mut all = os(&["--home", &home, "share"]);
        all.extend(os(args));
        let environment = [
            ("DISPLAY", display.name()),
            ("SIGHTLINE_LOG", "debug"),
            ("HOME", &self.user_home()?),
        ];
        let mut terminal =
            InTerminal::start("sightline-agent", &all, &environment, &self.folder, &label)?;
        let code = terminal.events.wait("code", SOON)?;
        Ok(Agent {
            questions: 0,
            code: text(&code, "code")?,
            terminal,
        })
    }

    /// Where the user's own files are.
    pub fn user_home(&self) -> anyhow::Result<String> {
        let folder = self.folder.join("home");
        std::fs::create_dir_all(&folder)?;
        Ok(folder.canonicalize()?.display().to_string())
    }

    /// The folder of the agent that was started last.
    pub fn agent_home(&self) -> PathBuf {
        self.folder.join(format!("agent-{}", self.agents))
    }

    /// `sightline connect` on this display, with this code.
    pub fn connect(
        &mut self,
        display: &Display,
        code: &str,
        args: &[&str],
    ) -> anyhow::Result<Program> {
        let file = self.technician_file();
        self.connect_as(&file, display, code, args)
    }

    /// As `connect`, by another technician's file.
    pub fn connect_as(
        &mut self,
        technician: &Path,
        display: &Display,
        code: &str,
        args: &[&str],
    ) -> anyhow::Result<Program> {
        let all = ["--close", "--as", &technician.display().to_string()];
        self.connecting(Some(display), code, &[&all, args].concat())
    }

    /// `sightline connect --no-window`, with this code.
    pub fn hold(&mut self, code: &str, args: &[&str]) -> anyhow::Result<Program> {
        let file = self.technician_file().display().to_string();
        let all = ["--no-window", "--as", &file];
        self.connecting(None, code, &[&all, args].concat())
    }

    /// An agent and what holds its session without a window, with everything allowed that `args` ask for.
    pub fn held(&mut self, user: &Display, args: &[&str]) -> anyhow::Result<(Agent, Program)> {
        let mut agent = self.share(user, &[])?;
        let code = agent.code.clone();
        let mut holder = self.hold(&code, args)?;
        agent.answer("y")?;
        holder.events.wait("holding", SOON)?;
        Ok((agent, holder))
    }

    /// `sightline connect` on this display without a terminal, as from a menu: it asks for the code in a window.
    pub fn connect_in_windows(&mut self, display: &Display) -> anyhow::Result<Program> {
        let file = self.technician_file().display().to_string();
        self.start_viewer(Some(display), &["connect", "--close", "--as", &file])
    }

    fn connecting(
        &mut self,
        display: Option<&Display>,
        code: &str,
        args: &[&str],
    ) -> anyhow::Result<Program> {
        let mut viewer =
            self.start_viewer(display, &[&["connect", "--code", "-"], args].concat())?;
        let mut stdin = viewer.stdin.take().context("no standard input")?;
        writeln!(stdin, "{code}")?;
        viewer.stdin = Some(stdin);
        Ok(viewer)
    }

    fn start_viewer(
        &mut self,
        display: Option<&Display>,
        args: &[&str],
    ) -> anyhow::Result<Program> {
        self.viewers += 1;
        let log = self.folder.join(format!("viewer-{}.log", self.viewers));
        let environment = [
            ("DISPLAY", display.map_or("", Display::name)),
            ("SIGHTLINE_LOG", "debug,winit=error"),
            ("XDG_RUNTIME_DIR", &self.runtime_dir()?),
            ("HOME", &self.technician_home()?.display().to_string()),
        ];
        Program::start("sightline", &os(args), &environment, &log)
    }

    /// Where the technician's programs find each other: theirs, and not those of a world beside this one.
    fn runtime_dir(&self) -> anyhow::Result<String> {
        let folder = self.folder.join("run");
        std::fs::create_dir_all(&folder)?;
        Ok(folder.display().to_string())
    }

    /// Where the technician's own files are.
    pub fn technician_home(&self) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join("technician-home");
        std::fs::create_dir_all(&folder)?;
        Ok(folder.canonicalize()?)
    }

    /// `sightline ARGS --json`, a command of the technician that joins a running session.
    pub fn command(&mut self, args: &[&str]) -> anyhow::Result<Program> {
        self.viewers += 1;
        let log = self.folder.join(format!("command-{}.log", self.viewers));
        let environment = [
            ("SIGHTLINE_LOG", "debug"),
            ("XDG_RUNTIME_DIR", &self.runtime_dir()?),
        ];
        Program::start("sightline", &os(args), &environment, &log)
    }

    /// A command of the technician that asks for the code of a session of its own, in a terminal that a person looks at.
    pub fn glass_of_its_own(&self, args: &[&str]) -> anyhow::Result<Glass> {
        let file = self.technician_file().display().to_string();
        self.glass(&[&args[..1], &["--as", &file], &args[1..]].concat())
    }

    /// The same in a terminal that a person looks at, for words instead of JSON.
    pub fn glass(&self, args: &[&str]) -> anyhow::Result<Glass> {
        let environment = [("XDG_RUNTIME_DIR", &*self.runtime_dir()?)];
        Glass::start("sightline", &os(args), &environment)
    }

    /// Another program there, which may start such commands.
    pub fn glass_of(&self, program: &Path, args: &[&str]) -> anyhow::Result<Glass> {
        let environment = [("XDG_RUNTIME_DIR", &*self.runtime_dir()?)];
        Glass::program(program, &os(args), &environment)
    }

    /// Agent and viewer in a running session, everything allowed.
    pub fn session(
        &mut self,
        user: &Display,
        technician: &Display,
    ) -> anyhow::Result<(Agent, Program)> {
        self.session_after(user, technician, || {})
    }

    /// The same; does something else when the agent is connected and the viewer is not.
    pub fn session_after(
        &mut self,
        user: &Display,
        technician: &Display,
        connected: impl FnOnce(),
    ) -> anyhow::Result<(Agent, Program)> {
        let mut agent = self.share(user, &[])?;
        connected();
        let code = agent.code.clone();
        let mut viewer = self.connect(technician, &code, &[])?;
        agent.answer("y")?;
        agent.terminal.events.wait("granted", SOON)?;
        viewer.events.wait("granted", SOON)?;
        technician.wait_window("Sightline", SOON)?;
        viewer.events.wait("round_trip", SOON)?;
        Ok((agent, viewer))
    }
}

/// A running `sightline-agent share`.
pub struct Agent {
    /// Questions about files so far.
    questions: usize,
    pub code: String,
    pub terminal: InTerminal,
}

impl Agent {
    /// Waits for the question and answers it in the terminal, as the user would.
    pub fn answer(&mut self, answer: &str) -> anyhow::Result<()> {
        self.terminal.events.wait("consent_asked", SOON)?;
        self.terminal.wait_shown("[y/N/list]", SOON)?;
        self.terminal.type_line(answer)
    }

    /// The code that replaces the one before.
    pub fn next_code(&mut self) -> anyhow::Result<String> {
        self.terminal.events.wait("code_replaced", SOON)?;
        self.code = text(&self.terminal.events.wait("code", SOON)?, "code")?;
        Ok(self.code.clone())
    }

    /// Waits for the next question about files and answers it in the terminal.
    pub fn answer_files(&mut self, answer: &str) -> anyhow::Result<Value> {
        let asked = self.terminal.events.wait("files_asked", SOON)?;
        self.questions += 1;
        let deadline = std::time::Instant::now() + SOON;
        while self.terminal.shown().matches("wants to copy files").count() < self.questions {
            if std::time::Instant::now() > deadline {
                anyhow::bail!("the question is not shown but:\n{}", self.terminal.shown());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.terminal.type_line(answer)?;
        Ok(asked)
    }

    /// Waits for the end: its exit code and the reason it gave.
    pub fn ends(&mut self, within: Duration) -> anyhow::Result<(u32, String)> {
        let closed = self.terminal.events.wait("closed", within)?;
        Ok((self.terminal.exit_code(within)?, text(&closed, "reason")?))
    }
}

/// Waits for the end of a viewer: its exit code and the reason it gave.
pub fn viewer_ends(viewer: &mut Program, within: Duration) -> anyhow::Result<(i32, String)> {
    let closed = viewer.events.wait("closed", within)?;
    Ok((viewer.exit_code(within)?, text(&closed, "reason")?))
}

/// A string in an event.
pub fn text(event: &Value, key: &str) -> anyhow::Result<String> {
    let value = event[key].as_str();
    Ok(value
        .with_context(|| format!("no '{key}' in {event}"))?
        .to_owned())
}

/// Founds an organisation in `folder/name` with one technician.
pub fn found_organisation(folder: &Path, name: &str, title: &str, tier: u8) -> anyhow::Result<()> {
    let org = folder.join(name).display().to_string();
    let relay = folder.join("relay/relay.identity").display().to_string();
    run(
        "sightline",
        &os(&["org", "--dir", &org, "init", title, "--relay", &relay]),
    )?;
    let tier = tier.to_string();
    run(
        "sightline",
        &os(&[
            "org",
            "--dir",
            &org,
            "technician",
            "add",
            TECHNICIAN,
            "--tier",
            &tier,
        ]),
    )?;
    Ok(())
}

/// The technician's file of the organisation in `folder/name`.
pub fn technician_file(folder: &Path, name: &str) -> PathBuf {
    let file = format!("{TECHNICIAN}.technician");
    folder.join(name).join("technicians").join(file)
}

fn configure(path: &Path, config: &[(String, String)]) -> anyhow::Result<()> {
    let mut text = std::fs::read_to_string(path)?;
    for (key, value) in config {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{key} =")))
            .with_context(|| format!("no '{key}' in {}", path.display()))?
            .to_owned();
        text = text.replace(&line, &format!("{key} = {value}"));
    }
    Ok(std::fs::write(path, text)?)
}

fn start_relay(folder: &Path) -> anyhow::Result<Program> {
    let config = folder.join("relay/relay.toml").display().to_string();
    let args = os(&["serve", "--config", &config]);
    let mut relay = Program::start("sightline-relay", &args, &[], &folder.join("relay.log"))?;
    relay.events.wait("ready", SOON)?;
    Ok(relay)
}
