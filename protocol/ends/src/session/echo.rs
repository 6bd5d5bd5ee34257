//! Telling the echo of the technician's own pointer from movements of the user and of programs.

use std::collections::VecDeque;

use crate::content::{Input, Scene};

/// Movements whose echo may still come: a fast mouse for half a second.
const MOST: usize = 512;

/// Places to which this technician moved the pointer, oldest first.
#[derive(Default)]
pub struct OwnMoves(VecDeque<(i32, i32)>);

impl OwnMoves {
    pub fn note(&mut self, input: &Input) {
        if let Input::Pointer { x, y } = input {
            if self.0.len() == MOST {
                self.0.pop_front();
            }
            self.0.push_back((*x, *y));
        }
    }

    /// The scene only says where our own hand moved the pointer. The agent tells of the latest movement, not of each.
    pub fn is_echo(&mut self, scene: &Scene) -> bool {
        let Scene::Pointer { x, y } = scene else {
            return false;
        };
        let Some(place) = self.0.iter().position(|at| at == &(*x, *y)) else {
            return false;
        };
        self.0.drain(..place);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_moves_come_back_as_echoes_and_others_do_not() {
        let mut own = OwnMoves::default();
        let scene = |x| Scene::Pointer { x, y: 0 };
        for x in 0..3 {
            own.note(&Input::Pointer { x, y: 0 });
        }
        assert!(own.is_echo(&scene(1)), "the first was overtaken");
        assert!(!own.is_echo(&scene(0)), "someone moved it back");
        assert!(!own.is_echo(&scene(9)), "someone moved it");
        assert!(own.is_echo(&scene(2)));
        assert!(own.is_echo(&scene(2)), "told again with a whole picture");
        for x in 0..2 * MOST as i32 {
            own.note(&Input::Pointer { x, y: 0 });
        }
        assert_eq!(own.0.len(), MOST);
    }
}
