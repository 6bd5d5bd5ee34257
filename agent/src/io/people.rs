//! Asking the user, in every way there is at once; the first answer counts.

use std::sync::{Arc, Mutex, PoisonError};

use sightline_ends::handshake::ConsentQuestion;
use sightline_program::clock::Clock;
use sightline_protocol::capability::Capabilities;
use sightline_protocol::close::CloseCode;
use tokio::sync::oneshot;

use crate::platform::{Answer, Asked, Prompt, Question};

/// A question on show. Dropping it takes it away everywhere.
pub struct OnShow {
    pub answer: oneshot::Receiver<Result<Capabilities, CloseCode>>,
    shown: Vec<Box<dyn Asked>>,
}

/// Shows the question in each of the prompts. `NoPrompt` if none of them can.
pub fn ask(
    prompts: &[Box<dyn Prompt>],
    question: &ConsentQuestion,
    clock: Clock,
) -> Result<OnShow, CloseCode> {
    let (sender, answer) = oneshot::channel();
    let first = Arc::new(Mutex::new(Some(sender)));
    let question = Question {
        technician: question.technician.clone(),
        organisation: question.organisation.clone(),
        asked: question.asked,
        reason: question.reason.clone(),
        ticket: question.ticket.clone(),
        notes: question.notes.clone(),
        deadline: clock.at(question.deadline_us),
    };
    let mut shown = Vec::new();
    for prompt in prompts {
        let first = Arc::clone(&first);
        let answered = Box::new(move |answer| {
            let sender = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(sender) = sender {
                let _ = sender.send(result(answer));
            }
        });
        match prompt.ask(question.clone(), answered) {
            Ok(asked) => shown.push(asked),
            Err(error) => tracing::warn!("a prompt cannot be shown: {error}"),
        }
    }
    if shown.is_empty() {
        return Err(CloseCode::NoPrompt);
    }
    Ok(OnShow { answer, shown })
}

fn result(answer: Answer) -> Result<Capabilities, CloseCode> {
    match answer {
        Answer::Allow(capabilities) => Ok(capabilities),
        Answer::Deny => Err(CloseCode::Denied),
        Answer::TimedOut => Err(CloseCode::ConsentTimedOut),
    }
}

impl OnShow {
    /// In how many ways the question is asked.
    pub fn ways(&self) -> usize {
        self.shown.len()
    }
}
