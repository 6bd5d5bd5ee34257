//! What the consent window looks like.

use egui::{
    Align, Button, Color32, CornerRadius, Frame, Label, Layout, Margin, RichText, Sense, Stroke,
    Ui, vec2,
};
use sightline_protocol::capability::{Capabilities, Capability};
use sightline_ui::{Palette, palette};

use super::super::choice::{LONGEST_NAME, LONGEST_TEXT, clean, tick};
use super::super::{Answer, Choice, Question, SmallQuestion, Talk};
use super::talk_view::TalkView;

/// Width of the window in points.
const WIDTH: f32 = 440.0;
const MARGIN: i8 = 20;
/// At most that many notes are shown, so that the buttons stay on the screen.
const MOST_NOTES: usize = 8;
/// Height of the talk beside the question, in points: three lines.
const WORDS: f32 = 66.0;
/// The same for what a small question has to say.
const MOST_LINES: usize = 8;

/// What a question's window shows, and what answers it.
pub trait Form: Send + 'static {
    type Answer: Copy + Send + 'static;
    const TITLE: &'static str;
    const TIMED_OUT: Self::Answer;

    /// Draws it; the answer, if the user gave one now.
    fn show(&mut self, ui: &mut Ui) -> Option<Self::Answer>;

    /// Whether that answer allows anything.
    fn allows(answer: Self::Answer) -> bool;

    fn state(&mut self) -> &mut State;

    /// How the talk beside the question goes on.
    fn hear(&mut self, _news: Talk) {}

    /// Enter, while keys are text.
    fn enter(&mut self) {}

    /// What the user wants to say to the technician now.
    fn take_words(&mut self) -> Option<String> {
        None
    }

    /// These words were not sent.
    fn put_back(&mut self, _words: String) {}
}

/// What the window tells its form.
#[derive(Debug)]
pub struct State {
    /// Until it counts as *no*.
    pub seconds: u64,
    /// Allow reacts: the window has been in sight long enough.
    pub armed: bool,
    /// Clicks and keys by programs that were refused.
    pub refused: u32,
    /// Keys are text, and press no button.
    pub writing: bool,
}

impl State {
    fn new(seconds: u64) -> State {
        State {
            seconds,
            armed: false,
            refused: 0,
            writing: false,
        }
    }
}

/// The question at a session's beginning and the answer as it stands.
#[derive(Debug)]
pub struct ConsentForm {
    technician: String,
    organisation: String,
    reason: String,
    ticket: String,
    notes: Vec<String>,
    asked: Capabilities,
    ticked: Capabilities,
    talk: TalkView,
    state: State,
}

impl ConsentForm {
    pub fn new(question: &Question, seconds: u64) -> ConsentForm {
        let notes = question.notes.iter().take(MOST_NOTES);
        ConsentForm {
            technician: clean(&question.technician, LONGEST_NAME),
            organisation: clean(&question.organisation, LONGEST_NAME),
            reason: clean(&question.reason, LONGEST_TEXT),
            ticket: clean(&question.ticket, LONGEST_NAME),
            notes: notes.map(|note| clean(note, LONGEST_TEXT)).collect(),
            asked: question.asked,
            ticked: question.asked,
            talk: TalkView::new(&question.technician),
            state: State::new(seconds),
        }
    }

    /// Who wants something.
    fn head(&self, ui: &mut Ui, colours: &Palette) {
        top_line(
            ui,
            colours,
            "REMOTE SUPPORT REQUEST",
            "denied",
            self.state.seconds,
        );
        ui.add_space(4.0);
        ui.label(RichText::new(&self.technician).size(22.0));
        let organisation = RichText::new(&self.organisation).size(15.0);
        ui.label(organisation.color(colours.text));
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            check_mark(ui, colours.good);
            let verified = "name and organisation are verified";
            ui.label(RichText::new(verified).size(12.5).color(colours.good));
        });
    }

    /// The technician's own words: set apart from what is verified.
    fn why(&self, ui: &mut Ui, colours: &Palette) {
        if self.reason.is_empty() && self.ticket.is_empty() {
            return;
        }
        let frame = Frame::new()
            .fill(colours.raised)
            .corner_radius(CornerRadius::same(6))
            .inner_margin(Margin::symmetric(12, 8));
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            let label = "In the technician's own words:";
            ui.label(RichText::new(label).size(11.0).color(colours.weak));
            if !self.reason.is_empty() {
                ui.label(RichText::new(format!("“{}”", self.reason)).size(14.0));
            }
            if !self.ticket.is_empty() {
                ui.label(RichText::new(format!("Ticket {}", self.ticket)).size(12.5));
            }
        });
        ui.add_space(6.0);
    }

    fn capabilities(&mut self, ui: &mut Ui, colours: &Palette) {
        ui.label(RichText::new("If you allow it, they can:").size(14.0));
        ui.scope(|ui| {
            let style = ui.spacing_mut();
            style.icon_width = 18.0;
            style.icon_width_inner = 12.0;
            style.icon_spacing = 9.0;
            style.interact_size.y = 24.0;
            // Every right on its own line: seven of them with a long reason fit a small screen.
            style.item_spacing.y = 1.0;
            let widgets = &mut ui.visuals_mut().widgets;
            widgets.inactive.bg_stroke = Stroke::new(1.0, colours.weak);
            widgets.hovered.bg_stroke = Stroke::new(1.0, colours.weak);
            for capability in self.asked.iter() {
                self.capability(ui, capability);
            }
        });
    }

    fn capability(&mut self, ui: &mut Ui, capability: Capability) {
        let mut on = self.ticked.contains(capability);
        let text = RichText::new(capability.meaning()).size(15.0);
        if ui.checkbox(&mut on, text).changed() {
            self.ticked = tick(self.ticked, self.asked, capability, on);
        }
    }

    /// Below the buttons, and as large without words as with them: nothing that can be clicked ever moves.
    fn talk(&mut self, ui: &mut Ui, colours: &Palette) {
        ui.add_space(6.0);
        let label = "Before you decide: what the technician writes is not verified. It is recorded if you allow.";
        ui.label(RichText::new(label).size(11.0).color(colours.weak));
        let empty = "You can ask what this is about.";
        self.talk.show(ui, colours, WORDS, empty);
        self.state.writing = self.talk.writing;
    }

    fn small_print(&self, ui: &mut Ui, colours: &Palette) {
        for note in &self.notes {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                ui.label(RichText::new("•").size(12.5).color(colours.weak));
                let note = RichText::new(note).size(12.5).color(colours.weak);
                ui.add(Label::new(note).wrap());
            });
        }
    }
}

impl Form for ConsentForm {
    type Answer = Answer;
    const TITLE: &'static str = "Remote support request";
    const TIMED_OUT: Answer = Answer::TimedOut;

    fn show(&mut self, ui: &mut Ui) -> Option<Answer> {
        framed(ui, |ui, colours| {
            self.head(ui, colours);
            ui.add_space(8.0);
            self.why(ui, colours);
            self.capabilities(ui, colours);
            ui.add_space(6.0);
            self.small_print(ui, colours);
            ui.add_space(8.0);
            let enabled = self.state.armed && !self.ticked.is_empty();
            let allow = Answer::Allow(self.ticked);
            let answer = buttons(ui, colours, ("Deny", Answer::Deny), allow, enabled);
            self.talk(ui, colours);
            warning(ui, colours, self.state.refused);
            answer
        })
    }

    fn allows(answer: Answer) -> bool {
        matches!(answer, Answer::Allow(_))
    }

    fn state(&mut self) -> &mut State {
        &mut self.state
    }

    fn hear(&mut self, news: Talk) {
        self.talk.hear(news);
    }

    fn enter(&mut self) {
        self.talk.enter();
    }

    fn take_words(&mut self) -> Option<String> {
        self.talk.take_words()
    }

    fn put_back(&mut self, words: String) {
        self.talk.put_back(words);
    }
}

/// A small question and the answer as it stands.
#[derive(Debug)]
pub struct SmallForm {
    title: String,
    lines: Vec<String>,
    all: String,
    for_all: bool,
    state: State,
}

impl SmallForm {
    pub fn new(question: &SmallQuestion, seconds: u64) -> SmallForm {
        let lines = question.lines.iter().take(MOST_LINES);
        SmallForm {
            title: clean(&question.title, LONGEST_TEXT),
            lines: lines.map(|line| clean(line, LONGEST_TEXT)).collect(),
            all: clean(&question.all, LONGEST_NAME),
            for_all: false,
            state: State::new(seconds),
        }
    }
}

impl Form for SmallForm {
    type Answer = Choice;
    const TITLE: &'static str = "Remote support question";
    const TIMED_OUT: Choice = Choice::TimedOut;

    fn show(&mut self, ui: &mut Ui) -> Option<Choice> {
        framed(ui, |ui, colours| {
            top_line(ui, colours, "REMOTE SUPPORT", "refused", self.state.seconds);
            ui.add_space(4.0);
            ui.add(Label::new(RichText::new(&self.title).size(17.0)).wrap());
            ui.add_space(4.0);
            for line in &self.lines {
                ui.add(Label::new(RichText::new(line).size(14.0)).wrap());
            }
            ui.add_space(6.0);
            ui.scope(|ui| {
                let widgets = &mut ui.visuals_mut().widgets;
                widgets.inactive.bg_stroke = Stroke::new(1.0, colours.weak);
                let all = RichText::new(format!("Allow {}", self.all)).size(13.0);
                ui.checkbox(&mut self.for_all, all);
            });
            ui.add_space(6.0);
            let allow = if self.for_all {
                Choice::AllowAll
            } else {
                Choice::Allow
            };
            let no = ("Refuse", Choice::Refuse);
            let answer = buttons(ui, colours, no, allow, self.state.armed);
            warning(ui, colours, self.state.refused);
            answer
        })
    }

    fn allows(choice: Choice) -> bool {
        matches!(choice, Choice::Allow | Choice::AllowAll)
    }

    fn state(&mut self) -> &mut State {
        &mut self.state
    }
}

/// The window's frame around what it shows.
fn framed<A>(ui: &mut Ui, content: impl FnOnce(&mut Ui, &Palette) -> A) -> A {
    let colours = palette(ui.ctx());
    let frame = Frame::new()
        .fill(colours.ground)
        .stroke(Stroke::new(1.0, colours.line))
        .inner_margin(Margin::same(MARGIN));
    let shown = frame.show(ui, |ui| {
        ui.set_width(WIDTH);
        ui.spacing_mut().item_spacing.y = 6.0;
        content(ui, &colours)
    });
    let mut bar = shown.response.rect;
    bar.max.y = bar.min.y + 3.0;
    ui.painter().rect_filled(bar, 0.0, colours.accent);
    shown.inner
}

/// What kind of question this is, and how long it stands.
fn top_line(ui: &mut Ui, colours: &Palette, kind: &str, then: &str, seconds: u64) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(kind).size(11.0).color(colours.weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let left = format!("{then} in {seconds} s");
            let urgent = seconds <= 10;
            let colour = if urgent { colours.danger } else { colours.weak };
            ui.label(RichText::new(left).size(12.0).color(colour));
        });
    });
}

/// Below everything else, so that nothing that can be clicked moves when it appears.
fn warning(ui: &mut Ui, colours: &Palette, refused: u32) {
    if refused == 0 {
        return;
    }
    let times = if refused == 1 { "" } else { "s" };
    let text = format!(
        "A program tried to answer for you ({refused} attempt{times}). That does not count: \
         only your own mouse and keyboard do."
    );
    ui.add_space(4.0);
    ui.label(RichText::new(text).size(12.5).color(colours.caution));
}

fn buttons<A: Copy>(
    ui: &mut Ui,
    colours: &Palette,
    (no, refuse): (&str, A),
    allow: A,
    enabled: bool,
) -> Option<A> {
    let mut answer = None;
    let size = vec2((WIDTH - 12.0) / 2.0, 40.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        ui.visuals_mut().widgets.inactive.bg_stroke = Stroke::new(1.0, colours.line);
        let deny = Button::new(RichText::new(no).size(16.0)).min_size(size);
        if ui.add(deny).clicked() {
            answer = Some(refuse);
        }
        let text = RichText::new("Allow").size(16.0).color(colours.on_accent);
        let button = Button::new(text).min_size(size).fill(colours.accent);
        if ui.add_enabled(enabled, button).clicked() && enabled {
            answer = Some(allow);
        }
    });
    answer
}

/// Drawn: the fonts have none.
fn check_mark(ui: &mut Ui, colour: Color32) {
    let (at, _) = ui.allocate_exact_size(vec2(12.0, 12.0), Sense::hover());
    let corner = at.left_top();
    let points = [(1.5, 6.5), (4.8, 9.8), (10.8, 2.5)];
    let points = points.map(|(x, y)| corner + vec2(x, y));
    ui.painter().line(points.to_vec(), Stroke::new(1.8, colour));
}
