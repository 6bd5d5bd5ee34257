//! End to end, in one binary: the shipped programs on real X servers.

mod behind;
mod bent;
mod blind;
mod clipboard;
mod codes;
mod consent;
mod files;
mod floods;
mod guard;
mod history;
mod joining;
mod lost;
mod marks;
mod panels;
mod picture;
mod replay;
mod session;
mod shells;
mod storage;
mod talk;
mod verify;
mod workload;
