//! `sightline info`: how the user's computer is.

use anyhow::bail;
use sightline_program::report::{Report, sentence};
use sightline_protocol::close::CloseCode;

use super::local::{FromCommand, FromHolder, client};
use crate::pure::facts_text;

/// Asks and says it.
pub fn run(session: Option<&str>, report: Report) -> anyhow::Result<()> {
    let runtime = client::runtime()?;
    runtime.block_on(ask(session, report))
}

async fn ask(session: Option<&str>, report: Report) -> anyhow::Result<()> {
    let mut session = client::join(session).await?;
    session.says.say(FromCommand::AskFacts(())).await?;
    loop {
        match session.hears.next().await? {
            FromHolder::Facts(facts) => {
                let json = serde_json::to_value(&*facts)?;
                report.say("facts", json, facts_text::text(&facts));
                return Ok(());
            }
            FromHolder::Refused(why) => bail!(why),
            FromHolder::Over(code) => {
                bail!(sentence(&CloseCode::from_number(code).to_string()))
            }
            _ => {}
        }
    }
}
