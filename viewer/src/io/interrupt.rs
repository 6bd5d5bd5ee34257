//! Ctrl-C. One listener from start to end, so that one pressed while the program is busy is heard too.

use tokio::sync::watch;

/// The technician's wish to end, by Ctrl-C.
#[derive(Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on. Needs the runtime's context.
    pub fn listen() -> Interrupt {
        let (heard, interrupt) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                heard.send_replace(true);
            }
            // Whoever waits must not take our end for an answer.
            heard.closed().await;
        });
        Interrupt(interrupt)
    }

    /// Waits until it was pressed, however long ago. May be cancelled.
    pub async fn pressed(&mut self) {
        let _ = self.0.wait_for(|pressed| *pressed).await;
    }
}
