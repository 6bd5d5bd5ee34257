//! The panels of the viewer's window, worked by hands and read by eyes.

mod beside;
mod chat;
mod facts;
mod files;
mod terminal;

use std::time::Duration;

use sightline_tests::display::Display;
use sightline_tests::letters;
use sightline_tests::program::Program;
use sightline_tests::stage::{KEY, Stage, call_panel, focus};
use sightline_tests::world::{Agent, SOON, Setting};

/// A session in a window, with these rights.
struct Scene {
    // Order matters: programs end before their displays.
    viewer: Program,
    agent: Agent,
    stage: Stage,
}

impl Scene {
    fn set(ask: &str) -> anyhow::Result<Scene> {
        Scene::on(Display::start(1024, 700)?, ask)
    }

    /// With this desktop for the user.
    fn on(user: Display, ask: &str) -> anyhow::Result<Scene> {
        let mut stage = Stage::on(user, Setting::everything())?;
        let mut agent = stage.world.share(&stage.user, &[])?;
        let code = agent.code.clone();
        let mut viewer = stage
            .world
            .connect(&stage.technician, &code, &["--ask", ask])?;
        agent.answer("y")?;
        viewer.events.wait("granted", SOON)?;
        let window = stage.technician.wait_window("Sightline", SOON)?;
        if ask.contains("view") {
            stage.pad_is_seen()?;
        }
        focus(&stage.technician, window)?;
        Ok(Scene {
            viewer,
            agent,
            stage,
        })
    }

    fn technician(&self) -> &Display {
        &self.stage.technician
    }

    /// Ctrl+Alt+Shift and a letter.
    fn call(&self, letter: char) -> anyhow::Result<()> {
        call_panel(self.technician(), letter)
    }

    /// A click, which the window manager looks at before the window does; keys do not wait for it.
    fn clicks(&self, x: i32, y: i32) -> anyhow::Result<()> {
        self.technician().click(x, y, 1)?;
        std::thread::sleep(Duration::from_millis(200));
        Ok(())
    }

    fn types(&self, text: &str) -> anyhow::Result<()> {
        self.technician().type_text(text, KEY)
    }

    fn takes_back(&mut self, right: &str) -> anyhow::Result<()> {
        self.agent.terminal.type_line(&format!("/take {right}"))
    }

    /// Keeps what the technician sees, where a person wants to look at it.
    fn picture(&self, name: &str) -> anyhow::Result<()> {
        letters::keep(self.technician(), name)
    }
}
