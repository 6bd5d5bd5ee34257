//! Draws a panel into a PPM file, to be looked at: `cargo run -p sightline-ui --example panel -- out.ppm 1.5 light`.

use std::io::Write;

use egui::{RichText, Theme};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or("panel.ppm".into());
    let scale: f32 = arguments
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(1.0);
    let light = arguments.next().is_some();
    let size = ((560.0 * scale) as u32, (230.0 * scale) as u32);
    let ctx = egui::Context::default();
    sightline_ui::theme(&ctx);
    ctx.set_theme(if light { Theme::Light } else { Theme::Dark });
    let mut painter = sightline_ui::Painter::new();
    let mut pixels = vec![0x0080_8080; (size.0 * size.1) as usize];
    for round in 0..3 {
        let input = sightline_ui::surface_input(size, scale);
        let start = std::time::Instant::now();
        let painted = painter.paint(&ctx, input, size, &mut pixels, |ctx| ctx.root_ui(panel));
        eprintln!(
            "{round}: {:?}, again {:?}",
            start.elapsed(),
            painted.repaint_after
        );
    }
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "P6 {} {} 255", size.0, size.1)?;
    for pixel in pixels {
        file.write_all(&pixel.to_be_bytes()[1..])?;
    }
    file.flush()
}

fn panel(ui: &mut egui::Ui) {
    let colours = sightline_ui::palette(ui.ctx());
    egui::CentralPanel::default().show(ui, |ui| {
        ui.heading("Allow remote support?");
        ui.label("Mira Kovač of Example Help Desk asks to:");
        let mut yes = true;
        ui.checkbox(&mut yes, "see your screen");
        ui.checkbox(&mut yes, "use your mouse and keyboard");
        ui.label(
            RichText::new("This session is recorded. 48213-507-219-884-3").color(colours.weak),
        );
        ui.add(egui::Slider::new(&mut 12.0, 0.0..=30.0).text("seconds"));
        ui.horizontal(|ui| {
            ui.label(
                RichText::new(" REC ")
                    .background_color(colours.danger)
                    .color(colours.on_accent),
            );
            let allow = RichText::new("Allow").color(colours.on_accent);
            let _ = ui.add(egui::Button::new(allow).fill(colours.accent));
            let _ = ui.button("Deny (24)");
            let _ = ui.small_button("▶  ⏸  ⛶  ✖");
        });
        ui.label(RichText::new("small text, quite legible: illi1 mm ww 0O").small());
        ui.monospace("fn main() { println!(\"{}\", 1 + 1); }");
    });
}
