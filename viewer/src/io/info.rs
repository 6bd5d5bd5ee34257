//! `sightline info`: how the user's computer is.

use anyhow::bail;
use sightline_program::report::{Report, sentence};
use sightline_protocol::close::CloseCode;

use super::local::{FromCommand, FromHolder, client};
use crate::pure::facts_text;

/// Asks and says it.
pub fn run(session: Option<&str>, report: Report) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(ask(session, report))
}

async fn ask(session: Option<&str>, report: Report) -> anyhow::Result<()> {
    let mut session = client::join(session).await?;
    session.says.say(FromCommand::AskFacts(())).await?;
    loop {
        match session.hears.next().await? {
            Some(FromHolder::Facts(facts)) => {
                let json = serde_json::to_value(&*facts)?;
                report.say("facts", json, facts_text::text(&facts));
                return Ok(());
            }
            Some(FromHolder::Refused(why)) => bail!(why),
            Some(FromHolder::Over(code)) => {
                bail!(sentence(&CloseCode::from_number(code).to_string()))
            }
            Some(_) => {}
            None => bail!("the session's program ended"),
        }
    }
}
