//! The thread that codes the video's pictures, so that a letter typed beside a film does not wait the eight milliseconds that
//! each of them takes. It sleeps until it gets one, and decides nothing.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use sightline_picture::VideoJob;

use crate::platform::Wake;

/// The running thread. Dropping it ends it after the picture at hand. Never more than two pictures wait: the encoder takes one at a time, and
/// one more when decoders have to start anew.
pub struct FilmThread {
    to_code: Sender<VideoJob>,
    coded: Receiver<VideoJob>,
}

impl FilmThread {
    /// `waker` is called for every picture that is coded.
    pub fn start(waker: Box<dyn Wake>) -> std::io::Result<FilmThread> {
        let (to_code, jobs) = channel::<VideoJob>();
        let (done, coded) = channel();
        thread::Builder::new().name("film".into()).spawn(move || {
            for mut job in jobs {
                job.run();
                if done.send(job).is_err() {
                    return;
                }
                waker.wake();
            }
        })?;
        Ok(FilmThread { to_code, coded })
    }

    pub fn code(&self, job: VideoJob) {
        // Fails only when the thread is gone; then the picture waits for the next whole one.
        let _ = self.to_code.send(job);
    }

    pub fn coded(&self) -> Option<VideoJob> {
        self.coded.try_recv().ok()
    }
}
