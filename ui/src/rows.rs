//! Many rows of different heights, of which only those in sight are laid out.

use std::collections::VecDeque;
use std::ops::Range;

use egui::{Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};

/// How high rows are: as last seen, or (not seen yet) as guessed. Rows are numbered for good: the first ones may go, others keep
/// their numbers.
#[derive(Clone, Default)]
struct Heights {
    from: u64,
    /// Points, and whether that was seen.
    rows: VecDeque<(f32, bool)>,
    width: f32,
}

impl Heights {
    /// Brings it up to the rows that there are now, and to the width they have now.
    fn follow(&mut self, rows: &Range<u64>, width: f32, guess: &dyn Fn(u64) -> f32) {
        if (self.width - width).abs() > 0.5 || rows.start < self.from {
            *self = Heights {
                from: rows.start,
                width,
                ..Heights::default()
            };
        }
        while self.from < rows.start {
            self.rows.pop_front();
            self.from += 1;
        }
        let count = (rows.end - rows.start) as usize;
        self.rows.truncate(count);
        for number in self.from + self.rows.len() as u64..rows.end {
            self.rows.push_back((guess(number), false));
        }
    }
}

/// Draws the rows of these numbers in a scrolling area: those in sight, each by `row`. `guess` says about how high a row will be.
/// Says how many were drawn.
pub fn rows(
    ui: &mut Ui,
    area: ScrollArea,
    numbers: Range<u64>,
    guess: impl Fn(u64) -> f32,
    mut row: impl FnMut(&mut Ui, u64),
) -> usize {
    let id = ui.make_persistent_id("rows");
    let shown = area.show_viewport(ui, |ui, viewport| {
        let (width, spacing) = (ui.available_width(), ui.spacing().item_spacing.y);
        let mut heights: Heights = ui.data_mut(|data| data.remove_temp(id)).unwrap_or_default();
        heights.follow(&numbers, width, &guess);
        let origin = ui.max_rect().left_top();
        let (mut y, mut drawn, mut moved) = (0.0, 0, false);
        for (index, (height, seen)) in heights.rows.iter_mut().enumerate() {
            let number = numbers.start + index as u64;
            if y + *height >= viewport.min.y && y <= viewport.max.y {
                let place = Rect::from_min_size(pos2(origin.x, origin.y + y), vec2(width, *height));
                let builder = UiBuilder::new().max_rect(place).id_salt(number);
                let mut inner = ui.new_child(builder);
                row(&mut inner, number);
                let real = inner.min_rect().height();
                moved |= (real - *height).abs() > 0.5;
                (*height, *seen) = (real, true);
                drawn += 1;
            }
            y += *height + spacing;
        }
        ui.set_height((y - spacing).max(0.0));
        if moved {
            ui.ctx().request_repaint(); // what follows has another place now
        }
        ui.data_mut(|data| data.insert_temp(id, heights));
        drawn
    });
    shown.inner
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Painter, surface_input};

    const SIZE: (u32, u32) = (200, 100);

    /// Rows of 20 to 60 points in a window of 100; where each was drawn, in points from the window's top.
    fn drawn(ctx: &egui::Context, numbers: Range<u64>) -> BTreeMap<u64, f32> {
        let (mut painter, mut pixels) = (Painter::new(), vec![0; 200 * 100]);
        let mut places = BTreeMap::new();
        // The first pass guesses, the second knows.
        for _ in 0..4 {
            places.clear();
            painter.paint(ctx, surface_input(SIZE, 1.0), SIZE, &mut pixels, |ctx| {
                let panel = egui::Area::new(egui::Id::unique("test")).fixed_pos(pos2(0.0, 0.0));
                panel.show(ctx, |ui| {
                    ui.set_width(200.0);
                    ui.set_height(100.0);
                    let area = ScrollArea::vertical()
                        .stick_to_bottom(true)
                        .auto_shrink(false)
                        .max_height(100.0);
                    rows(
                        ui,
                        area,
                        numbers.clone(),
                        |_| 30.0,
                        |ui, number| {
                            places.insert(number, ui.max_rect().top());
                            ui.allocate_space(vec2(50.0, 20.0 + (number % 3) as f32 * 20.0));
                        },
                    );
                });
            });
        }
        places
    }

    #[test]
    fn of_a_thousand_rows_the_newest_few_are_laid_out() {
        let ctx = egui::Context::default();
        let places = drawn(&ctx, 0..1_000);
        assert!(places.len() < 8, "{places:?}");
        let (last, top) = places.last_key_value().expect("some are drawn");
        assert_eq!(*last, 999);
        let bottom = top + 20.0 + (999 % 3) as f32 * 20.0;
        assert!((bottom - 100.0).abs() < 2.0, "{places:?}");
    }

    #[test]
    fn rows_keep_their_numbers_when_the_first_ones_go() {
        let ctx = egui::Context::default();
        drawn(&ctx, 0..50);
        let places = drawn(&ctx, 10..60);
        assert_eq!(places.last_key_value().map(|(number, _)| *number), Some(59));
        assert!(places.keys().all(|number| (10..60).contains(number)));
        let few = drawn(&ctx, 58..60);
        assert_eq!(few.len(), 2, "all of them fit");
    }
}
