//! What the viewer decides: geometry, pixels, keys, playback. Touches nothing: no windows, sockets, files, clocks.

pub mod area;
pub mod bar;
pub mod commands;
pub mod compose;
pub mod digits;
pub mod evidence;
pub mod facts_text;
pub mod files_text;
pub mod fit;
pub mod hands_shown;
pub mod index;
pub mod keymap;
pub mod marks;
pub mod panels;
pub mod pen;
pub mod playback;
pub mod pointer;
pub mod rings;
pub mod scale;
pub mod silence;
pub mod stage;
pub mod terminal;
pub mod verdict;
