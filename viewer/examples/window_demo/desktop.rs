//! A made-up desktop, drawn by egui: what a remote screen could look like.

use egui::{Align2, Color32, CornerRadius, FontId, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

/// The pixels of a desktop of this size.
pub fn draw(size: (u32, u32)) -> Vec<u32> {
    let mut pixels = vec![0; (size.0 * size.1) as usize];
    for (index, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = (index as u32 % size.0, index as u32 / size.0);
        let shade = 90 + 60 * y / size.1 + 20 * x / size.0;
        *pixel = u32::from_be_bytes([0, (shade / 3) as u8, (shade / 2) as u8, shade as u8]);
    }
    let ctx = egui::Context::default();
    ctx.set_theme(egui::Theme::Light);
    let mut painter = sightline_ui::Painter::new();
    let input = sightline_ui::surface_input(size, 1.0);
    painter.paint(&ctx, input, size, &mut pixels, |ctx| ctx.root_ui(desktop));
    pixels
}

fn desktop(ui: &mut Ui) {
    let screen = ui.max_rect();
    window(
        ui,
        Rect::from_min_size(screen.min + vec2(30.0, 36.0), screen.size() * 0.62),
        "Accounts.ods",
    );
    let place = screen.min + screen.size() * vec2(0.42, 0.38);
    window(
        ui,
        Rect::from_min_size(place, screen.size() * 0.52),
        "Letter.odt",
    );
    let bottom = Rect::from_min_max(pos2(screen.left(), screen.bottom() - 26.0), screen.max);
    let painter = ui.painter();
    painter.rect_filled(bottom, CornerRadius::ZERO, Color32::from_rgb(38, 42, 50));
    let clock = pos2(bottom.right() - 10.0, bottom.center().y);
    painter.text(
        clock,
        Align2::RIGHT_CENTER,
        "14:07",
        FontId::proportional(12.0),
        Color32::WHITE,
    );
}

fn window(ui: &Ui, place: Rect, title: &str) {
    let painter = ui.painter();
    painter.rect(
        place,
        CornerRadius::same(5),
        Color32::from_rgb(250, 250, 250),
        Stroke::new(1.0, Color32::from_gray(120)),
        StrokeKind::Inside,
    );
    let bar = Rect::from_min_size(place.min, vec2(place.width(), 24.0));
    painter.rect_filled(bar, CornerRadius::same(5), Color32::from_rgb(222, 226, 232));
    let ink = Color32::from_gray(30);
    painter.text(
        bar.center(),
        Align2::CENTER_CENTER,
        title,
        FontId::proportional(13.0),
        ink,
    );
    let inside = painter.with_clip_rect(place.shrink(6.0));
    let lines = (place.height() - 44.0) / 17.0;
    for line in 0..lines.max(0.0) as usize {
        let at = place.min + vec2(14.0, 34.0 + 17.0 * line as f32);
        let text = format!(
            "{:>3}   Dear Mr. Smith, line {line} of a letter: illi1 0O, 3.14159",
            line + 1
        );
        inside.text(at, Align2::LEFT_TOP, text, FontId::monospace(12.0), ink);
    }
}
