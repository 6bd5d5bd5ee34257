//! Asking the user, in every way there is at once; the first answer counts.

use std::sync::{Arc, Mutex, PoisonError};

use sightline_ends::handshake::ConsentQuestion;
use sightline_program::clock::Clock;
use sightline_protocol::capability::Capabilities;
use sightline_protocol::close::CloseCode;
use tokio::sync::{mpsc, oneshot};

use crate::platform::{Answer, Asked, Choice, DesktopError, Prompt, Question, SmallQuestion, Talk};

/// Messages of the user that may wait to be sent.
const WORDS: usize = 16;

/// A question on show. Dropping it takes it away everywhere.
pub struct OnShow {
    pub answer: oneshot::Receiver<Result<Capabilities, CloseCode>>,
    /// What the user writes to the technician meanwhile.
    pub words: mpsc::Receiver<String>,
    shown: Vec<Box<dyn Asked>>,
}

/// Shows the question in each of the prompts. `NoPrompt` if none of them can.
pub fn ask(
    prompts: &[Box<dyn Prompt>],
    question: &ConsentQuestion,
    clock: Clock,
) -> Result<OnShow, CloseCode> {
    let question = Question {
        technician: question.technician.clone(),
        organisation: question.organisation.clone(),
        asked: question.asked,
        reason: question.reason.clone(),
        ticket: question.ticket.clone(),
        notes: question.notes.clone(),
        deadline: clock.at(question.deadline_us),
    };
    let (to_words, words) = mpsc::channel(WORDS);
    let (shown, answer) = show(prompts, |prompt, first| {
        let answered = Box::new(move |answer| first.give(result(answer)));
        let to_words = to_words.clone();
        // Faster than anybody writes: what is beyond is not sent, and not shown as sent.
        let say = Box::new(move |text| drop(to_words.try_send(text)));
        prompt.ask(question.clone(), say, answered)
    });
    if shown.is_empty() {
        return Err(CloseCode::NoPrompt);
    }
    Ok(OnShow {
        answer,
        words,
        shown,
    })
}

/// A small question on show. Dropping it takes it away everywhere.
pub struct SmallOnShow {
    pub answer: oneshot::Receiver<Choice>,
    _shown: Vec<Box<dyn Asked>>,
}

/// The same for a small question; `None` if no prompt can show it.
pub fn ask_small(prompts: &[Box<dyn Prompt>], question: &SmallQuestion) -> Option<SmallOnShow> {
    let (shown, answer) = show(prompts, |prompt, first| {
        let answered = Box::new(move |choice| first.give(choice));
        prompt.ask_small(question.clone(), answered)
    });
    (!shown.is_empty()).then_some(SmallOnShow {
        answer,
        _shown: shown,
    })
}

/// Where the first answer goes.
struct First<A>(Arc<Mutex<Option<oneshot::Sender<A>>>>);

impl<A> First<A> {
    fn give(self, answer: A) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            let _ = sender.send(answer);
        }
    }
}

/// Shows a question in every prompt that can.
fn show<A>(
    prompts: &[Box<dyn Prompt>],
    ask: impl Fn(&dyn Prompt, First<A>) -> Result<Box<dyn Asked>, DesktopError>,
) -> (Vec<Box<dyn Asked>>, oneshot::Receiver<A>) {
    let (sender, answer) = oneshot::channel();
    let first = Arc::new(Mutex::new(Some(sender)));
    let mut shown = Vec::new();
    for prompt in prompts {
        match ask(&**prompt, First(Arc::clone(&first))) {
            Ok(asked) => shown.push(asked),
            Err(error) => tracing::warn!("a prompt cannot be shown: {error}"),
        }
    }
    (shown, answer)
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

    /// Shows in each of them how the talk goes on.
    pub fn talk(&self, news: &Talk) {
        self.shown.iter().for_each(|asked| asked.talk(news.clone()));
    }
}
