//! The thread that decodes: scenes from the session's loop to the window. A picture of a 720p video takes about eight milliseconds, and what the
//! technician types meanwhile must not wait for them.

use std::sync::mpsc as std_mpsc;

use sightline_ends::content::Scene;
use sightline_picture::PictureError;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::window::WindowHandle;

/// Scenes that may wait: beyond it the lane waits, and by the acknowledgements the agent.
const WAITING: usize = 64;

/// Updates longer than this may take milliseconds to decode, in bytes: what came before them is to be seen first. A letter has fewer.
const LONG: usize = 512;

/// What became of a scene: the number of the update that is on the canvas with it, if it ended one.
pub type Decoded = Result<Option<u64>, PictureError>;

/// The running thread. Scenes are decoded in their order.
pub struct Decoding {
    scenes: Option<std_mpsc::Sender<Scene>>,
    decoded: mpsc::UnboundedReceiver<Decoded>,
    thread: Option<JoinHandle<()>>,
    waiting: usize,
}

impl Decoding {
    /// Without a window nobody looks, but the agent is answered: what it shows is recorded.
    pub fn start(window: Option<WindowHandle>) -> Decoding {
        let (scenes, waiting) = std_mpsc::channel();
        let (done, decoded) = mpsc::unbounded_channel();
        let thread = spawn_blocking(move || match &window {
            Some(window) => decode(window, &waiting, &done),
            None => pass_over(&waiting, &done),
        });
        Decoding {
            scenes: Some(scenes),
            decoded,
            thread: Some(thread),
            waiting: 0,
        }
    }

    pub fn take(&mut self, scene: Scene) {
        if let Some(scenes) = &self.scenes
            && scenes.send(scene).is_ok()
        {
            self.waiting += 1;
        }
    }

    /// Whether more scenes may come.
    pub fn has_room(&self) -> bool {
        self.waiting < WAITING
    }

    /// What became of the next scene; never, when there is none. Nothing is lost when it is not waited for to the end.
    pub async fn next(&mut self) -> Decoded {
        match self.decoded.recv().await {
            Some(decoded) => {
                self.waiting -= 1;
                decoded
            }
            None => std::future::pending().await,
        }
    }

    /// Decodes what is waiting, so that the last picture is the last; what became of it.
    pub async fn finish(&mut self) -> Vec<Decoded> {
        self.scenes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.await; // a panic there has been reported there
        }
        let mut last = Vec::new();
        while let Ok(decoded) = self.decoded.try_recv() {
            last.push(decoded);
        }
        last
    }
}

fn decode(
    window: &WindowHandle,
    scenes: &std_mpsc::Receiver<Scene>,
    done: &mpsc::UnboundedSender<Decoded>,
) {
    for scene in scenes {
        if let Scene::Update { bytes, .. } = &scene
            && bytes.len() > LONG
        {
            window.await_seen();
        }
        if done.send(window.scene(&scene)).is_err() {
            return;
        }
    }
}

fn pass_over(scenes: &std_mpsc::Receiver<Scene>, done: &mpsc::UnboundedSender<Decoded>) {
    for scene in scenes {
        let ended = match scene {
            Scene::Update {
                frame, last: true, ..
            } => Some(frame),
            _ => None,
        };
        if done.send(Ok(ended)).is_err() {
            return;
        }
    }
}
